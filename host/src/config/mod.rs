//! Settings: as written on the command line, then checked once, all errors at once.

mod listen;
mod mount;
mod written;

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

pub use written::{Written, WrittenExecution};

use crate::{
    admission::Terms,
    capability::Mount,
    serve::{Address, Listen, Patience, SocketAccess},
    wasm::Limits,
};

/// The smallest memory limit: a component's stack and a little data.
const MIN_MEMORY: u64 = 1 << 20;

/// The largest memory limit: a 32-bit memory.
const MAX_MEMORY: u64 = 1 << 32;

/// The unit of linear memory.
const PAGE: u64 = 64 << 10;

/// Instances at once, at most: the address space for more is rarely there.
const MAX_INSTANCES: usize = 10_000;

/// Instances where nothing else is said.
const INSTANCES: usize = 64;

/// The same for a host that a web server starts: it starts several, as many as it finds that it needs.
const SPAWNED_INSTANCES: usize = 8;

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
    /// The permissions of Unix sockets.
    pub socket: SocketAccess,
    /// Where to listen for HTTP, for development.
    pub http: Option<SocketAddr>,
    /// The component that answers.
    pub module: ModuleSource,
    /// The arguments that it is started with, if it is a program.
    pub arguments: Vec<String>,
    /// What it sees of the machine.
    pub mounts: Vec<Mount>,
    /// How requests are run.
    pub execution: Execution,
}

/// Checked settings of how requests are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How many requests run and wait.
    pub terms: Terms,
    /// What one instance may use.
    pub limits: Limits,
    /// How long a handler may take.
    pub deadline: Duration,
    /// How long the host waits for web servers and, when it stops, for what runs.
    pub patience: Patience,
    /// Bytes of one response.
    pub max_response: u64,
    /// Where compiled components are kept.
    pub cache: PathBuf,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleSource {
    /// The wiki inside this program.
    BuiltIn,
    /// A file.
    File(PathBuf),
}

/// Everything that is wrong with the settings.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<String>);

impl Config {
    /// Checks settings; says everything that is wrong with them, not only the first thing.
    pub fn check(written: Written, start: Start) -> Result<Self, ConfigErrors> {
        let Written {
            listen,
            web_server_addrs,
            socket_mode,
            socket_owner,
            http,
            module,
            arg,
            root,
            mount,
            execution,
        } = written;
        let mut errors = Errors::default();
        let listen = check_listen(listen, web_server_addrs.as_deref(), start, &mut errors);
        if http.is_some() && listen.first().is_some_and(|first| first.address == Address::Inherited) {
            errors.add("--http: the gateway cannot connect to fd:0; name a socket of the host's own with --listen first");
        }
        let socket = errors.keep(listen::access(&socket_mode, socket_owner.as_deref()));
        let mut mounts = root.map_or(Vec::new(), |root| errors.keep(mount::root(&root)).unwrap_or_default());
        let named: Vec<_> = mount.iter().filter_map(|text| errors.keep(mount::mount(text))).collect();
        errors.0.extend(mount::add(&mut mounts, named));
        let execution = Execution::check(execution, start).map_err(|more| errors.0.extend(more.0)).ok();
        let (Some(socket), Some(execution), true) = (socket, execution, errors.0.is_empty()) else {
            return Err(ConfigErrors(errors.0));
        };
        let module = module.map_or(ModuleSource::BuiltIn, ModuleSource::File);
        Ok(Self { listen, socket, http, module, arguments: arg, mounts, execution })
    }
}

impl Execution {
    /// Checks how requests are to be run.
    pub fn check(written: WrittenExecution, start: Start) -> Result<Self, ConfigErrors> {
        let WrittenExecution {
            instances,
            queue,
            queue_wait,
            deadline,
            head_timeout,
            stall_timeout,
            max_response,
            memory,
            drain_timeout,
            cache_dir,
        } = written;
        let mut errors = Errors::default();
        let instances = errors.keep(check_instances(instances.unwrap_or(match start {
            Start::Alone => INSTANCES,
            Start::Spawned => SPAWNED_INSTANCES,
        })));
        let memory = errors.keep(check_memory(memory.as_u64()));
        let cache = errors.keep(cache_dir.or_else(default_cache).ok_or_else(|| {
            "--cache-dir (FCGI_WASM_HOST_CACHE_DIR) is missing, and there is neither CACHE_DIRECTORY, XDG_CACHE_HOME nor HOME to derive it from"
                .to_owned()
        }));
        let (Some(instances), Some(memory), Some(cache)) = (instances, memory, cache) else {
            return Err(ConfigErrors(errors.0));
        };
        Ok(Self {
            terms: Terms { instances, queue, patience: queue_wait.into() },
            limits: Limits { memory },
            deadline: deadline.into(),
            patience: Patience {
                head: head_timeout.into(),
                stall: stall_timeout.into(),
                drain: drain_timeout.into(),
            },
            max_response: max_response.as_u64(),
            cache,
        })
    }
}

/// Where to listen: without a word about it, on the socket that a web server passed.
fn check_listen(
    mut listen: Vec<String>,
    web_servers: Option<&str>,
    start: Start,
    errors: &mut Errors,
) -> Vec<Listen> {
    match start {
        Start::Spawned if listen.is_empty() => listen.push(listen::INHERITED.into()),
        Start::Alone if listen.is_empty() => errors.add(
            "--listen is missing: name the socket that the web server connects to, e.g. --listen /run/foswiki.sock",
        ),
        Start::Spawned | Start::Alone => {}
    }
    let web_servers = web_servers.and_then(|text| errors.keep(listen::web_servers(text)));
    listen.iter().filter_map(|text| errors.keep(listen::listen(text, web_servers.as_deref()))).collect()
}

fn check_instances(instances: usize) -> Result<usize, String> {
    if (1..=MAX_INSTANCES).contains(&instances) {
        return Ok(instances);
    }
    Err(format!("--instances {instances}: between 1 and {MAX_INSTANCES}"))
}

/// Rounds up to whole pages.
fn check_memory(bytes: u64) -> Result<usize, String> {
    let rounded = bytes.next_multiple_of(PAGE);
    match usize::try_from(rounded) {
        Ok(memory) if (MIN_MEMORY..=MAX_MEMORY).contains(&rounded) => Ok(memory),
        _ => Err(format!("--memory {bytes}: between 1 MiB and 4 GiB")),
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

#[derive(Default)]
struct Errors(Vec<String>);

impl Errors {
    fn add(&mut self, error: impl Into<String>) {
        self.0.push(error.into());
    }

    fn keep<T>(&mut self, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|error| self.add(error)).ok()
    }
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
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        written: Written,
    }

    fn config(line: &str) -> Result<Config, String> {
        started(line, Start::Alone)
    }

    fn started(line: &str, start: Start) -> Result<Config, String> {
        let line = Line::try_parse_from(["host"].into_iter().chain(line.split_whitespace()))
            .map_err(|error| error.to_string())?;
        Config::check(line.written, start).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_short_line_is_enough() {
        let config = config("--listen /run/x.sock --cache-dir /c").expect("valid settings");
        let [listen] = &config.listen[..] else { panic!("one place to listen") };
        assert_eq!(listen.address, Address::Unix("/run/x.sock".into()));
        assert_eq!(config.module, ModuleSource::BuiltIn);
        assert_eq!(config.execution.limits.memory, 64 << 20);
        assert_eq!(config.execution.deadline, Duration::from_secs(30));
    }

    #[test]
    fn a_web_server_that_starts_the_host_need_not_say_where_to_listen() {
        let check = |line, start, expected: Option<(Address, usize)>| {
            let read = started(line, start).ok();
            let read =
                read.map(|config| (config.listen[0].address.clone(), config.execution.terms.instances));
            assert_eq!(read, expected, "{line:?}");
        };
        check("--cache-dir /c", Start::Spawned, Some((Address::Inherited, SPAWNED_INSTANCES)));
        check("--cache-dir /c -n 3", Start::Spawned, Some((Address::Inherited, 3)));
        check(
            "--cache-dir /c --listen /s",
            Start::Spawned,
            Some((Address::Unix("/s".into()), SPAWNED_INSTANCES)),
        );
        check("--cache-dir /c --listen /s", Start::Alone, Some((Address::Unix("/s".into()), INSTANCES)));
        check("--cache-dir /c", Start::Alone, None);
        check("--cache-dir /c --http 127.0.0.1:8080", Start::Spawned, None);
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let told =
            config("--listen 0.0.0.0:9000 --memory 1KiB --instances 0 --mount nonsense --cache-dir /c")
                .expect_err("four errors");
        assert_eq!(told.lines().count(), 4, "{told}");
        assert!(told.contains("0.0.0.0:9000") && told.contains("nonsense"), "{told}");
    }

    #[test]
    fn memory_is_whole_pages() {
        let check = |bytes, expected| assert_eq!(check_memory(bytes), expected);
        check(1 << 20, Ok(1 << 20));
        check((1 << 20) + 1, Ok((1 << 20) + (64 << 10)));
        assert!(check_memory(u64::MAX - PAGE).is_err());
    }
}
