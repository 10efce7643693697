//! Settings: as written in the file or on the command line, then checked once, all errors at once.

mod access;
mod control;
mod document;
mod limits;
mod listen;
mod module;
mod mount;
mod options;
mod own;
mod preset;
mod registry;
mod reuse;
mod setting;
mod site;
mod unknown;
mod values;
mod wall;

use std::{
    collections::HashSet,
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

pub use control::{Whose, control};
pub use document::Document;
use limits::Bounds;
pub use module::ModuleSource;
pub use options::{Written, WrittenExecution};
pub use registry::WrittenRegistry;
pub use reuse::{Kib, Requests, WrittenReuse};
use setting::{Errors, Setting, Source};
pub use site::{Route, Site};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};
pub use values::{Size, Time};
pub use wall::WrittenWall;

use crate::{
    admission::Terms,
    registry::{Reference, Settings},
    serve::{Address, Listen, Patience},
    wall::Wall,
};

/// The largest file of settings: ten thousand sites take less.
const MAX_FILE: u64 = 64 << 20;

/// Who started the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// An operator, or what stands in for one. The host makes its sockets.
    Alone,
    /// A web server, which passes a listening socket and may start several hosts.
    Spawned,
}

/// Checked settings: whoever has one can rely on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen for FastCGI, at one place at least.
    pub listen: Vec<Listen>,
    /// Where to listen for HTTP, for development.
    pub http: Option<SocketAddr>,
    /// Where the host takes commands: the path of a Unix socket.
    pub control: Option<PathBuf>,
    /// Whether a change of the settings, of a module or of a file that a site names is followed by a reload.
    pub watch: bool,
    /// What is logged, where that is said.
    pub log: Option<String>,
    /// How long a generation that was replaced may take to finish, where that is said.
    pub drain: Option<Duration>,
    /// How registries are talked to that modules come from.
    pub registry: Settings,
    /// What is served.
    pub sites: Vec<Site>,
    /// How requests are run.
    pub execution: Execution,
    /// What the process as a whole may do; the program's own needs and the ports come on top.
    pub wall: Wall,
}

/// Checked settings of how requests are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How many requests run and wait, of all sites together.
    pub terms: Terms,
    /// The largest memory that an instance may have, in bytes.
    pub memory: usize,
    /// How long the host waits for web servers and, when it stops, for what runs.
    pub patience: Patience,
    /// Where compiled components are kept.
    pub cache: PathBuf,
    /// Bytes that these may have.
    pub cache_size: u64,
}

/// Everything that is wrong with the settings, an error a line.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<String>);

impl Config {
    /// Checks settings; says everything that is wrong with them, not only the first thing.
    pub fn check(written: Written, start: Start) -> Result<Self, ConfigErrors> {
        let file = written.config.clone();
        let (document, base, mut errors) = read(written)?;
        let mut config = checked(&document, (&base, file.as_deref()), start, &mut errors);
        if let (Some(config), Some(file)) = (&mut config, file) {
            config.wall.grants.push(wall::beside(&file));
        }
        config.filter(|_| errors.is_empty()).ok_or_else(|| ConfigErrors(errors.told()))
    }
}

impl Config {
    /// The files that what is served was made of, besides the settings: modules, and those that sites name.
    pub fn watched(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let routes = self.sites.iter().flat_map(|site| &site.routes);
        let modules = routes.filter_map(|route| match &route.module {
            ModuleSource::File(file) => Some(file.clone()),
            ModuleSource::BuiltIn | ModuleSource::Registry(_) => None,
        });
        let keys = self.registry.keys.iter().chain(&self.registry.credentials).cloned();
        modules.chain(keys).chain(self.sites.iter().flat_map(|site| site.watch.iter().cloned()))
    }

    /// The modules that come from registries, once each.
    pub fn references(&self) -> HashSet<Reference> {
        module::references(&self.sites).cloned().collect()
    }

    /// Checks the text of a settings file. `file` is for messages; relative paths are below `base`.
    pub fn parse(text: &str, file: &str, base: &Path, start: Start) -> Result<Self, ConfigErrors> {
        let (document, mut errors) = parse(Source { file: file.into(), text: text.to_owned() })?;
        let config = checked(&document, (base, None), start, &mut errors);
        config.filter(|_| errors.is_empty()).ok_or_else(|| ConfigErrors(errors.told()))
    }
}

impl Document {
    /// The settings as a file would say them.
    pub fn written(written: Written) -> Result<Self, ConfigErrors> {
        let (document, _, errors) = read(written)?;
        if errors.is_empty() { Ok(document) } else { Err(ConfigErrors(errors.told())) }
    }

    /// The same as TOML.
    pub fn print(&self) -> Result<String, ConfigErrors> {
        toml::to_string_pretty(self).map_err(|error| ConfigErrors(vec![error.to_string()]))
    }

    /// The JSON schema of the file, for editors.
    pub fn schema() -> String {
        let schema = schemars::schema_for!(Self);
        // A schema has no keys but strings, so that it can always be written.
        serde_json::to_string_pretty(&schema).map(|text| text + "\n").unwrap_or_default()
    }
}

impl Execution {
    /// Checks how requests are to be run.
    pub fn check(written: WrittenExecution, start: Start) -> Result<Self, ConfigErrors> {
        let (document, mut errors) = (written.document(), Errors::default());
        let bounds = Bounds::of_host(&document.limits, start, &mut errors);
        let execution = execution(&document, &bounds, &mut errors);
        execution.filter(|_| errors.is_empty()).ok_or_else(|| ConfigErrors(errors.told()))
    }
}

/// The settings as they are written, and the folder that relative paths in them are below.
fn read(written: Written) -> Result<(Document, PathBuf, Errors), ConfigErrors> {
    let failed = |reason: String| ConfigErrors(vec![reason]);
    let Some(file) = &written.config else {
        let here = std::env::current_dir().map_err(|error| failed(format!("the current folder: {error}")))?;
        let mut errors = Errors::default();
        return Ok((written.document(&mut errors), here, errors));
    };
    let shown = file.display();
    let text = read_file(file).map_err(|reason| failed(format!("--config {shown}: {reason}")))?;
    let path = std::path::absolute(file).map_err(|error| failed(format!("--config {shown}: {error}")))?;
    let base = path.parent().unwrap_or(Path::new("/")).to_owned();
    let source = Source { file: file.clone(), text };
    let (mut document, errors) = parse(source)?;
    if let Some(addresses) = written.web_server_addrs {
        // The web server's own word, wherever the rest stands.
        let place = Setting::option("FCGI_WEB_SERVER_ADDRS", &addresses, addresses.clone());
        document.web_server_addrs = Some(place);
    }
    Ok((document, base, errors))
}

fn read_file(file: &Path) -> Result<String, String> {
    let length = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if length > MAX_FILE {
        return Err(format!("{length} bytes are more than the {MAX_FILE} that are read"));
    }
    fs::read_to_string(file).map_err(|error| error.to_string())
}

/// Reads TOML. What is not TOML at all, or has a table where a value belongs, has no settings in it that could be checked.
fn parse(source: Source) -> Result<(Document, Errors), ConfigErrors> {
    let (_, broken) = toml::de::DeTable::parse_recoverable(&source.text);
    let told = |error: &toml::de::Error| {
        source.told(error.span().map_or(0, |span| span.start), error.message().trim())
    };
    if !broken.is_empty() {
        return Err(ConfigErrors(broken.iter().map(told).collect()));
    }
    let read = toml::Deserializer::parse(&source.text).and_then(|deserializer| {
        let mut unknown = Vec::new();
        let note = |path: serde_ignored::Path<'_>| unknown.push(path.to_string());
        serde_ignored::deserialize(deserializer, note).map(|document: Document| (document, unknown))
    });
    let (document, unknown) = read.map_err(|error| ConfigErrors(vec![told(&error)]))?;
    let mut errors = Errors::of(source);
    unknown::tell(&unknown, &mut errors);
    Ok((document, errors))
}

fn checked(
    document: &Document,
    (base, file): (&Path, Option<&Path>),
    start: Start,
    errors: &mut Errors,
) -> Option<Config> {
    let mut listen = check_listen(document, start, errors);
    let http = document.http.as_ref().and_then(|http| {
        let inherited = |address: &Address| matches!(address, Address::Inherited | Address::Passed(_));
        let first = listen.first().map(|first| &first.address).filter(|address| inherited(address));
        errors.check(http, |text| check_http(text, first))
    });
    let bounds = Bounds::of_host(&document.limits, start, errors);
    let control = control::socket(document, base, errors);
    let mut execution = execution(document, &bounds, errors)?;
    let sites = site::sites(document, &bounds, base, errors);
    if document.site.is_empty() {
        errors.add("nothing is served: add a [[site]]");
    }
    check_sites_of_listeners(document, errors);
    let memories = sites.iter().flat_map(|site| site.routes.iter().map(|route| route.limits.memory));
    execution.memory = memories.max().unwrap_or(bounds.memory);
    let registry = registry::check(&document.registry, base, errors);
    let own = own::Files { cache: &execution.cache, settings: file, keys: &registry.keys };
    own::check(&sites, &own, errors);
    let needs = wall::Needs {
        listen: &listen,
        control: control.as_deref(),
        sites: &sites,
        cache: &execution.cache,
        registry: &registry,
    };
    let wall = wall::check(&document.wall, &needs, base, errors);
    if let Some(identity) = &wall.identity {
        for listen in &mut listen {
            wall::give(listen, identity);
        }
    }
    let watch =
        document.reload_on_change.as_ref().and_then(|watch| errors.read(watch)).is_none_or(|watch| *watch);
    let drain = document.drain_timeout.as_ref().and_then(|time| errors.read(time)).map(|time| time.0);
    let log = document.log.as_ref().and_then(|log| errors.check(log, |log| logged(log)));
    Some(Config { listen, http, control, watch, log, drain, registry, sites, execution, wall })
}

fn execution(document: &Document, bounds: &Bounds, errors: &mut Errors) -> Option<Execution> {
    let time = |setting: &Option<Setting<Time>>, or, errors: &mut Errors| {
        setting.as_ref().and_then(|one| errors.read(one)).map_or(or, |time| time.0)
    };
    let patience = Patience {
        head: time(&document.head_timeout, limits::HEAD, errors),
        stall: time(&document.stall_timeout, limits::STALL, errors),
        drain: time(&document.drain_timeout, limits::DRAIN, errors),
    };
    let cache = match &document.cache_dir {
        Some(folder) => errors.read(folder).cloned(),
        None => default_cache().or_else(|| {
            errors.add(
                "--cache-dir (FCGI_WASM_HOST_CACHE_DIR, cache-dir) is missing, and there is neither CACHE_DIRECTORY, \
                 XDG_CACHE_HOME nor HOME to derive it from",
            );
            None
        }),
    };
    let size = document.cache_size.as_ref().and_then(|size| errors.read(size));
    let cache_size = size.map_or(limits::CACHE, |size| size.0);
    Some(Execution { terms: bounds.terms?, memory: bounds.memory, patience, cache: cache?, cache_size })
}

/// Where to listen: without a word about it, on the socket that a web server passed.
fn check_listen(document: &Document, start: Start, errors: &mut Errors) -> Vec<Listen> {
    let inherited = document::Listen {
        address: Some(Setting::option("--listen", listen::INHERITED, listen::INHERITED.into())),
        ..document::Listen::default()
    };
    let written = match (start, document.listen.as_slice()) {
        (Start::Spawned, []) => std::slice::from_ref(&inherited),
        (Start::Alone, []) => {
            errors.add(
                "--listen is missing: name the socket that the web server connects to, e.g. --listen /run/foswiki.sock",
            );
            &[]
        }
        (_, written) => written,
    };
    let web_servers = document.web_server_addrs.as_ref();
    let web_servers = web_servers.and_then(|text| errors.check(text, |text| listen::web_servers(text)));
    written.iter().filter_map(|one| listen::listen(one, web_servers.as_deref(), errors)).collect()
}

fn check_http(text: &str, inherited: Option<&Address>) -> Result<SocketAddr, String> {
    if let Some(address) = inherited {
        return Err(format!(
            "the gateway cannot connect to {address}; name a socket of the host's own as the first listener"
        ));
    }
    text.parse().map_err(|_| format!("{text:?} is not an address and a port, such as 127.0.0.1:8080"))
}

fn logged(log: &str) -> Result<String, String> {
    const WAY_OUT: &str = "write error, warn, info or debug, or as in warn,fcgi_wasm_host::serve=debug";

    let read = EnvFilter::builder().parse(log).map_err(|error| format!("{error}; {WAY_OUT}"));
    // A word alone would be taken for a part of the program whatever it is.
    let mut words = log.split(',').map(str::trim).filter(|one| !one.contains(['=', '[']));
    match words.find(|word| word.parse::<LevelFilter>().is_err()) {
        Some(word) => Err(format!("{word:?} is no level; {WAY_OUT}")),
        None => read.map(|_| log.to_owned()),
    }
}

fn check_sites_of_listeners(document: &Document, errors: &mut Errors) {
    let names: Vec<_> = document.site.iter().filter_map(|site| site.name.as_ref()?.value()).collect();
    for site in document.listen.iter().flat_map(|listen| &listen.sites) {
        errors.check(site, |site| {
            names.contains(&site).then_some(()).ok_or_else(|| format!("no site is called {site:?}"))
        });
    }
}

/// The folder that systemd gives a service, else the user's own.
fn default_cache() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("CACHE_DIRECTORY").or_else(|| {
        let base = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
        Some(base.join("fcgi-wasm-host"))
    })
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(formatter, "{newline}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

#[cfg(test)]
mod tests;
