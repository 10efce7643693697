//! Sites and their routes: from what is written, what the preset adds, and what each inherits.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Method;

use super::{
    document::{self, Clock, Document, Preset, Random},
    limits::{self, Bounds},
    module::ModuleSource,
    mount::{self, Change},
    preset,
    setting::{Errors, Setting},
};
use crate::{
    admission::Terms,
    capability::{Mount, Origin, Outbound, Quota, Senses},
    route::{self, Routes, UrlPath},
    serve::{Health, Page},
    wasm::{Limits, Reuse},
};

/// The longest name of a site, which stands in log lines.
const MAX_NAME: usize = 64;

/// The settings of a wiki, below its folder.
const LOCAL_SITE: &str = "lib/LocalSite.cfg";

/// A site, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Its hosts in lower case, `*.` and a domain for all below that. None: all that no other site names.
    pub hosts: Vec<String>,
    /// The path that it is below. None: all that no other site has.
    pub path: Option<UrlPath>,
    /// How many requests it runs at once; what the host may, where it is alone.
    pub terms: Option<Terms>,
    /// What it may hold in its writable folders.
    pub quota: Option<Quota>,
    /// Files whose change is followed by a reload, besides its modules.
    pub watch: Vec<PathBuf>,
    /// What a new generation is asked for before it serves.
    pub probe: Option<Health>,
    /// Its routes, one at least.
    pub routes: Vec<Route>,
}

/// A route, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name, for people.
    pub name: String,
    /// Its actions.
    pub actions: Vec<String>,
    /// The path that its requests are below.
    pub path: Option<UrlPath>,
    /// Its methods. None: all that no other route for the same requests names.
    pub methods: Vec<Method>,
    /// The component that answers.
    pub module: ModuleSource,
    /// The arguments that it is started with, if it is a program.
    pub arguments: Vec<String>,
    /// What it sees of the machine.
    pub mounts: Vec<Mount>,
    /// What it finds in its environment besides the request's variables.
    pub environment: Vec<(String, String)>,
    /// Where it may send requests of its own.
    pub outbound: Outbound,
    /// What it learns of the world.
    pub senses: Senses,
    /// How many requests it runs at once, where that is less than what the site may.
    pub terms: Option<Terms>,
    /// What one instance may use.
    pub limits: Limits,
    /// How long it may take for a request.
    pub deadline: Duration,
    /// Bytes of the body of a request.
    pub max_request: u64,
    /// Bytes of one response.
    pub max_response: u64,
    /// Bytes of standard error that are kept of a request.
    pub max_stderr: usize,
    /// What a request may write.
    pub write: Option<Quota>,
    /// The processor's time for a request.
    pub cpu: Option<Duration>,
    /// How often an instance is used.
    pub reuse: Reuse,
}

/// Checks all sites. Relative paths are below `base`.
pub(super) fn sites(document: &Document, bounds: &Bounds, base: &Path, errors: &mut Errors) -> Vec<Site> {
    let alone = document.site.len() < 2;
    let mut sites = Vec::new();
    let mut names = HashSet::new();
    for written in &document.site {
        let Some(name) = name(written, errors) else { continue };
        if let Some(setting) = &written.name
            && !names.insert(name.clone())
        {
            errors.at(setting.place(), format!("another site is called {name:?}, too"));
        }
        let context =
            Context { name: &name, written, bounds: bounds.of_site(&written.limits, alone, errors), base };
        sites.push(context.site(errors));
    }
    check_places(document, &sites, errors);
    sites
}

/// What is known of a site while its parts are checked.
struct Context<'a> {
    name: &'a str,
    written: &'a document::Site,
    bounds: Bounds,
    base: &'a Path,
}

impl Context<'_> {
    fn site(&self, errors: &mut Errors) -> Site {
        let document::Site { hosts, path, route, .. } = self.written;
        let hosts: Vec<_> = hosts.iter().filter_map(|one| errors.check(one, |one| host(one))).collect();
        let path = path.as_ref().and_then(|path| errors.check(path, |path| url_path(path)));
        let root = self.root(errors);
        let base = root.as_deref().unwrap_or(self.base);
        let changes = mount::changes(&self.written.mounts, base, errors);
        let mut routes = Vec::new();
        for written in route {
            routes.extend(self.written_route(written, (base, &changes), errors));
        }
        let preset = self.preset(root.as_deref(), errors);
        let own: Vec<String> = routes.iter().flat_map(|route: &Route| route.actions.clone()).collect();
        let has_rest = routes.iter().any(|route| route.actions.is_empty() && route.path.is_none());
        for preset in preset {
            let left = preset.actions.iter().map(|&action| action.to_owned());
            let actions: Vec<String> = left.filter(|action| !own.contains(action)).collect();
            let is_replaced = if preset.actions.is_empty() { has_rest } else { actions.is_empty() };
            if !is_replaced {
                routes.extend(self.preset_route(preset, actions, &changes, errors));
            }
        }
        if routes.is_empty() && route.is_empty() {
            routes.extend(self.only_route(&changes, errors));
        }
        let terms = self.bounds.terms;
        let quota = self.written.quota.as_ref();
        let quota =
            quota.and_then(|one| limits::quota(None, (one.bytes.as_ref(), one.files.as_ref()), errors));
        let watch = self.watch(root.as_deref(), errors);
        let probe = self.probe(&hosts, errors);
        Site { name: self.name.to_owned(), hosts, path, terms, quota, watch, probe, routes }
    }

    /// The files that are written, else the wiki's own settings.
    fn watch(&self, root: Option<&Path>, errors: &mut Errors) -> Vec<PathBuf> {
        let base = root.unwrap_or(self.base);
        let written = &self.written.watch;
        let is_wiki = !matches!(self.written.preset.as_ref().and_then(Setting::value), Some(Preset::None));
        let own = root.filter(|_| is_wiki && written.is_empty()).map(|root| root.join(LOCAL_SITE));
        own.into_iter().chain(written.iter().filter_map(|file| Some(base.join(errors.read(file)?)))).collect()
    }

    fn probe(&self, hosts: &[String], errors: &mut Errors) -> Option<Health> {
        let document::Site { probe, probe_status, .. } = self.written;
        let status = probe_status.as_ref().map(|status| {
            let fits = |status: &u16| (200..600).contains(status).then_some(*status);
            errors.check(status, |status| fits(status).ok_or_else(|| "not between 200 and 599".to_owned()))
        });
        let Some(probe) = probe else {
            if let Some(status) = probe_status {
                errors.at(status.place(), "it goes with a probe; name the page as well");
            }
            return None;
        };
        let uri = errors.check(probe, |uri| {
            let is_path = uri.starts_with('/') && uri.bytes().all(|byte| byte.is_ascii_graphic());
            is_path.then(|| uri.clone()).ok_or_else(|| {
                format!("{uri:?} is not a path such as /bin/view/Main/WebHome, encoded as in a URL")
            })
        })?;
        let host = hosts.first().map(|host| host.trim_start_matches("*.").to_owned());
        let page = Page { site: Some(self.name.to_owned()), host, path: uri };
        Some(Health { page, status: status.unwrap_or(Some(200))? })
    }

    fn root(&self, errors: &mut Errors) -> Option<PathBuf> {
        let root = self.written.root.as_ref()?;
        errors
            .check(root, |root| std::path::absolute(self.base.join(root)).map_err(|error| error.to_string()))
    }

    fn preset(&self, root: Option<&Path>, errors: &mut Errors) -> Vec<preset::PresetRoute> {
        let written = self.written.preset.as_ref();
        let preset = written.map_or(Some(Preset::Foswiki), |preset| errors.read(preset).copied());
        match (preset, root, &self.written.root, written) {
            (Some(Preset::Foswiki), Some(root), Some(setting), _) => {
                errors.check(setting, |_| preset::foswiki(root)).unwrap_or_default()
            }
            (Some(Preset::Foswiki), None, None, Some(setting)) => {
                errors.at(setting.place(), "the wiki folder is missing: name it as the root");
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn written_route(
        &self,
        written: &document::Route,
        (base, site): (&Path, &[Change]),
        errors: &mut Errors,
    ) -> Option<Route> {
        let document::Route { name, actions, path, methods, limits, mounts, .. } = written;
        let actions: Vec<_> = actions.iter().filter_map(|one| errors.check(one, |one| action(one))).collect();
        if let (Some(path), false) = (path, actions.is_empty()) {
            errors.at(path.place(), "a route is for actions or for a path; make two of it");
        }
        let methods = methods.iter().filter_map(|one| errors.check(one, |one| method(one))).collect();
        let named = name.as_ref().and_then(|name| errors.read(name).cloned());
        let shown = path.as_ref().and_then(|path| path.value().cloned());
        let name = named.or_else(|| (!actions.is_empty()).then(|| actions.join("+"))).or(shown);
        let path = path.as_ref().and_then(|path| errors.check(path, |path| url_path(path)));
        let handler = self.handler(written);
        let mut all = Vec::new();
        mount::apply(&mut all, site);
        mount::apply(&mut all, &mount::changes(mounts, base, errors));
        let bounds = self.bounds.of_route(limits, errors);
        let name = name.unwrap_or_else(|| "rest".into());
        Some(Route { actions, path, methods, ..self.route(name, all, &handler, (&bounds, errors))? })
    }

    fn preset_route(
        &self,
        preset: preset::PresetRoute,
        actions: Vec<String>,
        changes: &[Change],
        errors: &mut Errors,
    ) -> Option<Route> {
        let mut mounts = preset.mounts;
        mount::apply(&mut mounts, changes);
        let route = self.own_route(preset.name.into(), mounts, errors)?;
        Some(Route { actions, ..route })
    }

    fn only_route(&self, changes: &[Change], errors: &mut Errors) -> Option<Route> {
        let mut mounts = Vec::new();
        mount::apply(&mut mounts, changes);
        self.own_route("all".into(), mounts, errors)
    }

    /// A route that is not written, with what the site says of every one.
    fn own_route(&self, name: String, mounts: Vec<Mount>, errors: &mut Errors) -> Option<Route> {
        let unwritten = document::Route::default();
        let bounds = self.bounds.of_route(&unwritten.limits, errors);
        self.route(name, mounts, &self.handler(&unwritten), (&bounds, errors))
    }

    /// What runs for a route: what it says itself, and else what its site says.
    fn handler<'a>(&'a self, route: &'a document::Route) -> Handler<'a> {
        let site = self.written;
        Handler {
            module: route.module.as_ref().or(site.module.as_ref()),
            args: if route.args.is_empty() { &site.args } else { &route.args },
            environment: [(&site.env, &site.env_from_host), (&route.env, &route.env_from_host)],
            outbound: if route.outbound.is_empty() { &site.outbound } else { &route.outbound },
            private: route.outbound_private.as_ref().or(site.outbound_private.as_ref()),
            clock: route.clock.as_ref().or(site.clock.as_ref()),
            random: route.random.as_ref().or(site.random.as_ref()),
        }
    }

    fn route(
        &self,
        name: String,
        mounts: Vec<Mount>,
        handler: &Handler<'_>,
        (bounds, errors): (&Bounds, &mut Errors),
    ) -> Option<Route> {
        let module = match handler.module {
            None => ModuleSource::BuiltIn,
            Some(module) => errors.check(module, |module| ModuleSource::read(module, self.base))?,
        };
        let arguments = handler.args.iter().filter_map(|arg| errors.read(arg).cloned()).collect();
        let environment = environment(handler.environment, errors);
        let outbound = outbound(handler, errors);
        let &Bounds {
            terms, memory, deadline, max_request, max_response, max_stderr, write, cpu, reuse, ..
        } = bounds;
        let limits = Limits { memory };
        let (actions, path, methods) = (Vec::new(), None, Vec::new());
        Some(Route {
            name,
            actions,
            path,
            methods,
            module,
            arguments,
            mounts,
            environment,
            outbound,
            senses: senses(handler, errors),
            terms,
            limits,
            deadline,
            max_request,
            max_response,
            max_stderr,
            write,
            cpu,
            reuse,
        })
    }
}

type Environment<'a> = (&'a BTreeMap<String, Setting<String>>, &'a Vec<Setting<String>>);

/// What runs, as it is written.
struct Handler<'a> {
    module: Option<&'a Setting<PathBuf>>,
    args: &'a [Setting<String>],
    /// The site's, and the route's, which goes before it.
    environment: [Environment<'a>; 2],
    outbound: &'a [Setting<String>],
    private: Option<&'a Setting<bool>>,
    clock: Option<&'a Setting<Clock>>,
    random: Option<&'a Setting<Random>>,
}

fn environment(written: [Environment<'_>; 2], errors: &mut Errors) -> Vec<(String, String)> {
    let mut all = BTreeMap::new();
    for (values, from_host) in written {
        for name in from_host {
            let value = errors.check(name, |name| {
                env::var(name)
                    .map(|value| (name.clone(), value))
                    .map_err(|_| format!("the host's environment has no {name}; set it, or leave it out"))
            });
            all.extend(value);
        }
        for (name, value) in values {
            let checked = errors.check(value, |value| variable(name, value));
            all.extend(checked);
        }
    }
    all.into_iter().collect()
}

fn outbound(handler: &Handler<'_>, errors: &mut Errors) -> Outbound {
    let origins = handler.outbound.iter().filter_map(|one| errors.check(one, |one| origin(one))).collect();
    let private = handler.private.and_then(|private| errors.read(private).copied());
    Outbound { origins, private: private.unwrap_or_default() }
}

fn senses(handler: &Handler<'_>, errors: &mut Errors) -> Senses {
    let clock = handler.clock.and_then(|clock| errors.read(clock));
    let random = handler.random.and_then(|random| errors.read(random));
    Senses { time: clock != Some(&Clock::Still), chance: random != Some(&Random::Fixed) }
}

/// Reads `SCHEME://HOST[:PORT]`.
fn origin(text: &str) -> Result<Origin, String> {
    let wrong =
        || format!("{text:?} is not a server such as https://api.example.org or http://10.0.0.1:8080");
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        _ => return Err(wrong()),
    };
    let port = rest.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    let (name, port) = match port {
        Some((name, port)) => (name, port.parse().map_err(|_| wrong())?),
        None => (rest, if tls { 443 } else { 80 }),
    };
    Ok(Origin { tls, host: host(name).map_err(|_| wrong())?, port })
}

fn variable(name: &str, value: &str) -> Result<(String, String), String> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        return Err(format!("{name:?} is not a variable of an environment"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn name(written: &document::Site, errors: &mut Errors) -> Option<String> {
    let Some(name) = &written.name else {
        errors.add("a site without a `name`");
        return None;
    };
    errors.check(name, |name| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain);
        is_name.then(|| name.clone()).ok_or_else(|| {
            format!(
                "{name:?} is not a name of up to {MAX_NAME} letters, digits, dots, hyphens and underscores"
            )
        })
    })
}

fn host(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_address = name.starts_with('[') && name.ends_with(']');
    if name.split('.').all(label) || (is_address && name == text) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "{text:?} is not a host name such as wiki.example.org, nor *.example.org; leave the port out"
    ))
}

fn url_path(text: &str) -> Result<UrlPath, String> {
    UrlPath::new(text)
        .ok_or_else(|| format!("{text:?} is not a plain path such as /foswiki, without escapes"))
}

fn action(text: &str) -> Result<String, String> {
    let plain =
        !text.is_empty() && !text.contains(['/', '\0']) && !matches!(text, "." | ".." | "bin" | "pub");
    plain
        .then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is not one segment of a path, such as view"))
}

fn method(text: &str) -> Result<Method, String> {
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| text == text.to_ascii_uppercase());
    method.ok_or_else(|| format!("{text:?} is not a method such as GET"))
}

/// No two sites for the same requests, and no two routes.
fn check_places(document: &Document, sites: &[Site], errors: &mut Errors) {
    let mut seen: HashMap<(Option<&str>, Option<&UrlPath>), &str> = HashMap::new();
    for site in sites {
        let every = site.hosts.is_empty().then_some(None);
        for host in site.hosts.iter().map(|host| Some(host.as_str())).chain(every) {
            if let Some(other) = seen.insert((host, site.path.as_ref()), &site.name) {
                let host = host.unwrap_or("every other host");
                let reason = format!(
                    "{host}: the site {other:?} has the same host and path; give one of them a `path`"
                );
                tell(document, &site.name, &reason, errors);
            }
        }
        let mut routes = Routes::new(site.path.as_ref());
        for route in &site.routes {
            if route.places().into_iter().any(|place| routes.add(place, &route.methods, ()).is_err()) {
                let reason = format!("the route {:?} is for the same requests as another one", route.name);
                tell(document, &site.name, &reason, errors);
            }
        }
    }
}

/// Tells of an error that is about a site as a whole, where its name stands.
fn tell(document: &Document, site: &str, reason: &str, errors: &mut Errors) {
    let names = document.site.iter().rev().filter_map(|site| site.name.as_ref());
    let mut found = names.filter(|name| name.value().is_some_and(|name| name == site));
    match found.next() {
        Some(name) => errors.at(name.place(), reason),
        None => errors.add(format!("site {site}: {reason}")),
    }
}

impl Route {
    /// Which requests it is for.
    pub fn places(&self) -> Vec<route::Place<'_>> {
        match (&self.path, self.actions.as_slice()) {
            (Some(path), _) => vec![route::Place::Path(path)],
            (None, []) => vec![route::Place::Rest],
            (None, actions) => actions.iter().map(|action| route::Place::Action(action)).collect(),
        }
    }
}
