//! From checked settings to something that serves: all or nothing.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fs, io,
    path::PathBuf,
    sync::Arc,
    thread,
};

use thiserror::Error;
use tracing::{info, warn};

use crate::{
    admission::{Admission, Door},
    capability::{Mount, Outbound},
    config::{self, Config, Execution, ModuleSource},
    generation::{Generation, Parts},
    registry::{Pulled, Registry, RegistryError, Settings},
    route::{Routes, Sites},
    site::{Identity, Route, Site, Tenure},
    wasm::{
        Cache, CompileError, Compiler, Engine, EngineError, Folders, Gate, GateError, Grants, HandlerError,
        Linked, Module, Modules, MountError, Quotas, Usage,
    },
};

/// The wiki, where the build found its component.
#[cfg(foswiki_wasm)]
static BUILT_IN: Option<&[u8]> = Some(include_bytes!(env!("FOSWIKI_WASM")));
#[cfg(not(foswiki_wasm))]
static BUILT_IN: Option<&[u8]> = None;

/// Settings that cannot be put into force.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The module's file cannot be read.
    #[error("module {}: cannot be read: {error}", file.display())]
    Module {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There is no module at all.
    #[error(
        "this program was built without the wiki handler; name a module with --module FILE, or run \
         `cargo xtask guests foswiki` and build again"
    )]
    NoBuiltIn,
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CompileError),
    /// A mount cannot be opened.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// Its handlers could not ask the servers that they may ask.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A module cannot serve.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// A module does not come from its registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Something about one route.
    #[error("site {site}, route {route}: {error}")]
    Route {
        /// The site's name.
        site: String,
        /// The route's name.
        route: String,
        /// What is wrong with it.
        error: Box<LoadError>,
    },
    /// The module of this route is not linked. Those of [`linked`] are, for the same settings.
    #[error("the module of route {0} is not linked")]
    Unlinked(String),
    /// Two sites or routes are for the same requests. Checked settings have no such.
    #[error("site {0}: it is for the same requests as another one")]
    Taken(String),
}

impl LoadError {
    /// The same, with the route that it is about.
    fn of(self, site: &str, route: &str) -> Self {
        Self::Route { site: site.to_owned(), route: route.to_owned(), error: Box::new(self) }
    }
}

/// Starts the engine that `execution` asks for, with its cache.
pub fn modules(execution: &Execution, compiler: Compiler) -> Result<Modules, LoadError> {
    let instances = u32::try_from(execution.terms.instances).unwrap_or(u32::MAX);
    let cache = Cache::open(&execution.cache, execution.cache_size)?;
    let engine = Engine::new(instances, execution.memory)?;
    Ok(Modules::new(engine, cache, compiler))
}

/// The host's own door, which all generations share: the places behind it are those of one pool.
pub fn door(execution: &Execution) -> Arc<Door> {
    Arc::new(Door::new("the host", execution.terms))
}

/// Compiled modules by where they come from.
pub type LinkedModules = HashMap<ModuleSource, Linked>;

/// What a generation is loaded with.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The host's own door.
    pub door: &'a Arc<Door>,
    /// The generation's number.
    pub number: u64,
    /// The generation that serves; its sites go on counting.
    pub before: Option<&'a Generation>,
}

/// Compiles and links every module that `config` names, or takes it from those `before`, where its bytes are the same.
pub fn linked(
    config: &Config,
    (modules, registry): (&Modules, &Registry),
    before: Option<&LinkedModules>,
) -> Result<LinkedModules, LoadError> {
    let mut linked = LinkedModules::new();
    for (site, route) in
        config.sites.iter().flat_map(|site| site.routes.iter().map(move |route| (site, route)))
    {
        if let Entry::Vacant(place) = linked.entry(route.module.clone()) {
            let known = before.and_then(|before| before.get(&route.module));
            let found = module(&route.module, registry, &config.registry);
            let made = found.and_then(|module| Ok(modules.link(&module, known)?));
            place.insert(made.map_err(|error| error.of(&site.name, &route.name))?);
        }
    }
    Ok(linked)
}

/// Opens everything that `config` names, and makes handlers of the `linked` modules.
pub fn generation(
    config: &Config,
    linked: &LinkedModules,
    ground: Ground<'_>,
) -> Result<Generation, LoadError> {
    let mut loader = Loader {
        linked,
        host: Arc::clone(ground.door),
        before: ground.before,
        tenure: Arc::new(Tenure::of(ground.number)),
        folders: HashMap::new(),
        routes: Vec::new(),
        uncounted: Vec::new(),
    };
    let mut sites = Sites::new();
    let mut all = Vec::new();
    for site in &config.sites {
        let ready = Arc::new(loader.site(site)?);
        all.push(Arc::clone(&ready));
        let taken = |_| LoadError::Taken(site.name.clone());
        sites.name(&site.name, Arc::clone(&ready)).map_err(taken)?;
        let hosts = site.hosts.iter().map(|host| Some(host.as_str()));
        let every = site.hosts.is_empty().then_some(None);
        for host in hosts.chain(every) {
            sites.add(host, site.path.as_ref(), Arc::clone(&ready)).map_err(taken)?;
        }
    }
    let Loader { tenure, routes, uncounted, .. } = loader;
    count(uncounted);
    let only = only(config, &all);
    let all = all.iter().map(|site| Arc::clone(&site.identity)).collect();
    Ok(Generation::new(Parts { tenure, sites, all, routes, only }))
}

/// Counts what sites with a quota hold, beside what runs: that reads all their folders.
fn count(sites: Vec<Uncounted>) {
    if sites.is_empty() {
        return;
    }
    let counting = move || {
        for (site, usage, mounts) in sites {
            match usage.count(&mounts) {
                Ok(()) => {
                    let (bytes, files) = usage.held();
                    info!(site, bytes, files, "counted for its quota");
                }
                Err(error) => {
                    warn!(site, %error, "its files cannot be counted: its quota is about new ones alone");
                }
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("quota".into()).spawn(counting) {
        warn!(%error, "no thread to count what sites hold: quotas are about new files alone");
    }
}

/// The only route, where it is for all requests whatsoever.
fn only(config: &Config, all: &[Arc<Site>]) -> Option<Arc<Route>> {
    let ([site], [loaded]) = (config.sites.as_slice(), all) else { return None };
    let [route] = site.routes.as_slice() else { return None };
    let is_reached = config.listen.iter().all(|listen| listen.sites.is_empty());
    let every = site.hosts.is_empty() && site.path.is_none() && route.methods.is_empty();
    let every = every && route.actions.is_empty() && route.path.is_none() && is_reached;
    every.then(|| loaded.routes.rest().cloned()).flatten()
}

/// What sites share while they are loaded.
struct Loader<'a> {
    linked: &'a LinkedModules,
    host: Arc<Door>,
    before: Option<&'a Generation>,
    tenure: Arc<Tenure>,
    /// The opened folders of routes that see the same.
    folders: HashMap<Vec<Mount>, (Folders, Arc<[Mount]>)>,
    routes: Vec<Arc<Route>>,
    uncounted: Vec<Uncounted>,
}

/// A site whose files are to be counted: its name, what they count for, and where they are.
type Uncounted = (String, Arc<Usage>, Vec<Mount>);

/// What the routes of a site share.
struct Shared<'a> {
    identity: &'a Arc<Identity>,
    door: Option<&'a Arc<Door>>,
    usage: Option<&'a Arc<Usage>>,
}

impl Loader<'_> {
    fn site(&mut self, site: &config::Site) -> Result<Site, LoadError> {
        // Nothing of one site is another's, not even an open folder.
        self.folders.clear();
        let known =
            self.before.and_then(|before| before.sites().iter().find(|known| known.name == site.name));
        let new = || Arc::new(Identity { name: site.name.clone(), ..Identity::default() });
        let identity = known.map_or_else(new, Arc::clone);
        let door = site.terms.map(|terms| Arc::new(Door::new(format!("site {}", site.name), terms)));
        let usage = site.quota.map(|quota| Arc::new(Usage::new(quota)));
        let shared = Shared { identity: &identity, door: door.as_ref(), usage: usage.as_ref() };
        let mut routes = Routes::new(site.path.as_ref());
        for route in &site.routes {
            let loaded = self.route(route, &shared).map_err(|error| error.of(&site.name, &route.name))?;
            self.routes.push(Arc::clone(&loaded));
            for place in route.places() {
                let added = routes.add(place, &route.methods, Arc::clone(&loaded));
                added.map_err(|_| LoadError::Taken(site.name.clone()))?;
            }
        }
        if let Some(usage) = usage {
            let mounts = site.routes.iter().flat_map(|route| route.mounts.iter().cloned()).collect();
            self.uncounted.push((site.name.clone(), usage, mounts));
        }
        Ok(Site { identity, routes })
    }

    fn route(&mut self, route: &config::Route, shared: &Shared<'_>) -> Result<Arc<Route>, LoadError> {
        let Shared { identity: site, door, usage } = *shared;
        let own = route
            .terms
            .map(|terms| Arc::new(Door::new(format!("route {} of site {}", route.name, site.name), terms)));
        let doors = own.into_iter().chain(door.cloned()).chain([Arc::clone(&self.host)]);
        let (folders, mounts) = self.folders(&route.mounts)?;
        let folders = match (route.write, usage) {
            (None, None) => folders,
            (request, site) => folders.with_quotas(Quotas { request, site: site.cloned() }),
        };
        let grants = Grants {
            folders,
            environment: route.environment.as_slice().into(),
            arguments: route.arguments.clone(),
            outbound: gate(&route.outbound)?,
            senses: route.senses,
            limits: route.limits,
            reuse: route.reuse,
        };
        let linked = self.linked.get(&route.module).ok_or_else(|| LoadError::Unlinked(route.name.clone()))?;
        let handler = linked.handler(grants)?;
        Ok(Arc::new(Route {
            name: route.name.clone(),
            site: Arc::clone(site),
            tenure: Arc::clone(&self.tenure),
            handler,
            mounts,
            admission: Admission::through(doors),
            deadline: route.deadline,
            cpu: route.cpu,
            max_stderr: route.max_stderr,
            max_request: route.max_request,
            max_response: route.max_response,
        }))
    }

    fn folders(&mut self, mounts: &[Mount]) -> Result<(Folders, Arc<[Mount]>), LoadError> {
        match self.folders.entry(mounts.to_vec()) {
            Entry::Occupied(opened) => Ok(opened.get().clone()),
            Entry::Vacant(place) => Ok(place.insert((Folders::open(mounts)?, mounts.into())).clone()),
        }
    }
}

fn gate(allowed: &Outbound) -> Result<Option<Gate>, LoadError> {
    let is_something = !allowed.origins.is_empty();
    Ok(is_something.then(|| Gate::new(allowed.clone())).transpose()?)
}

/// The bytes of a module.
pub fn module(source: &ModuleSource, registry: &Registry, settings: &Settings) -> Result<Module, LoadError> {
    match source {
        ModuleSource::BuiltIn => {
            let wasm = BUILT_IN.ok_or(LoadError::NoBuiltIn)?;
            Ok(Module { name: "built-in wiki".into(), wasm: Cow::Borrowed(wasm) })
        }
        ModuleSource::File(file) => {
            let wasm = fs::read(file).map_err(|error| LoadError::Module { file: file.clone(), error })?;
            Ok(Module { name: file.display().to_string(), wasm: Cow::Owned(wasm) })
        }
        ModuleSource::Registry(reference) => {
            let Pulled { digest, wasm } = registry.pull(reference, settings)?;
            Ok(Module { name: format!("{reference} ({digest})"), wasm: Cow::Owned(wasm) })
        }
    }
}
