//! The command line: the same settings as in the file, written short.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    document::{Access, Document, Limits, Listen, Mount, Preset, Site},
    registry::WrittenRegistry,
    reuse::WrittenReuse,
    setting::{Errors, Place, Setting},
    values::{Size, Time},
    wall::WrittenWall,
};

/// The name of the only site that a command line has.
const SITE: &str = "default";

/// What to serve, and where.
#[derive(Debug, Clone, Default, Args)]
pub struct Written {
    /// Settings file, TOML, in the place of the options below
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "listen", "socket_mode", "socket_owner", "http", "module", "arg", "root", "preset", "mount",
        "instances", "queue", "queue_wait", "deadline", "head_timeout", "stall_timeout", "max_request", "max_response",
        "memory", "drain_timeout", "cache_dir", "cache_size", "watch", "no_watch", "probe", "probe_status", "user",
        "group", "umask", "allow_path", "without", "max", "size", "registry_credentials", "registry_key",
        "registry_plain_http", "registry_interval",
    ])]
    pub config: Option<PathBuf>,

    /// Socket for the web server: a path, HOST:PORT or :PORT; may be repeated
    ///
    ///   PATH             a Unix socket
    ///   HOST:PORT, [V6]:PORT
    ///   :PORT            this machine's own address 127.0.0.1; with allow=, all addresses
    ///   fd:NAME          the socket that systemd passes under that name; fd:systemd is the only one
    ///   fd:0             the socket that a web server passes to a host that it starts
    ///
    /// Options follow the address, each after a comma:
    ///   allow=NETWORK    connections over TCP come from there; may be repeated
    ///   allow-uid=USER   connections to a Unix socket are that user's; may be repeated
    ///   acl=u:USER:rw, acl=g:GROUP:rw
    ///                    that user or group may open a Unix socket as well (acl(5)); --- in the place of rw: may not;
    ///                    may be repeated
    ///   trust=user       the web server is believed who the client is
    ///   trust=forwarded  it is believed what other proxies say about the client
    ///   distrust=https   it is not believed that the client came over TLS
    ///   sendfile=x-sendfile, sendfile=x-sendfile-raw, sendfile=x-accel-redirect:/PREFIX
    ///                    handlers may have it send files below their mounts
    #[arg(short, long, value_name = "ADDRESS[,OPTION…]", verbatim_doc_comment)]
    pub listen: Vec<String>,

    /// Addresses of web servers, with commas between them: connections from elsewhere are closed, those over Unix
    /// sockets too unless allow-uid names their user
    #[arg(long, value_name = "ADDRESS,…", env = "FCGI_WEB_SERVER_ADDRS")]
    pub web_server_addrs: Option<String>,

    /// Permission bits of Unix sockets, octal [default: 0660]
    #[arg(long, value_name = "MODE")]
    pub socket_mode: Option<String>,

    /// Owner of Unix sockets, by name or number
    #[arg(long, value_name = "USER[:GROUP]")]
    pub socket_owner: Option<String>,

    /// Also answer HTTP here, for development: a gateway to the first socket
    #[arg(long, value_name = "HOST:PORT")]
    pub http: Option<String>,

    /// Component that answers requests, or one in a registry (oci:// before its name) [default: the built-in wiki]
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,

    /// Argument for a component that is a program; may be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub arg: Vec<String>,

    /// Wiki folder: its data, pub, templates and working are mounted at /data, /pub, …
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// Routes, each with what it needs of the wiki folder [default: foswiki where there is a --root, else none]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<Preset>,

    /// Folder that the handler sees, read-only unless it says :rw; may be repeated
    #[arg(long, value_name = "HOST:GUEST[:ro|:rw]")]
    pub mount: Vec<String>,

    /// Unix socket for `fcgi-wasm-host reload`, `status` and the like, or none
    /// [default: the path of the first --listen with .control behind it]
    #[arg(long, value_name = "PATH")]
    pub control: Option<String>,

    /// File whose change is followed by a reload, besides the module; may be repeated
    #[arg(long, value_name = "FILE")]
    pub watch: Vec<String>,

    /// Reload only when asked to, not when the module or a watched file changes
    #[arg(long)]
    pub no_watch: bool,

    /// Page that a new generation is asked for before a reload takes effect, such as /bin/view/Main/WebHome
    #[arg(long, value_name = "URL")]
    pub probe: Option<String>,

    /// Status that it is to be answered with [default: 200]
    #[arg(long, value_name = "STATUS", requires = "probe")]
    pub probe_status: Option<u16>,

    /// How requests are run.
    #[command(flatten)]
    pub execution: WrittenExecution,

    /// When an instance is not used again.
    #[command(flatten)]
    pub reuse: WrittenReuse,

    /// Registries that modules come from.
    #[command(flatten)]
    pub registry: WrittenRegistry,

    /// What the process as a whole may do.
    #[command(flatten)]
    pub wall: WrittenWall,
}

/// How requests are run.
#[derive(Debug, Clone, Default, Args)]
pub struct WrittenExecution {
    /// Requests that run at once [default: 64; 8 where a web server starts the host]
    #[arg(short = 'n', long, visible_alias = "nproc", value_name = "N")]
    pub instances: Option<usize>,

    /// Requests that may wait for their turn [default: 1024]
    #[arg(long, value_name = "N")]
    pub queue: Option<usize>,

    /// How long each waits before it is answered with 503 [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub queue_wait: Option<Time>,

    /// How long a handler may take, not counting its waits for the client [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub deadline: Option<Time>,

    /// How long the web server may take for the head of a request, which it sends in one write [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub head_timeout: Option<Time>,

    /// How long the web server may leave a body half sent, or a response unread, without any progress [default: 1m]
    #[arg(long, value_name = "TIME")]
    pub stall_timeout: Option<Time>,

    /// How long the body of a request may be [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub max_request: Option<Size>,

    /// How much a handler may send in one response [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub max_response: Option<Size>,

    /// Memory of one instance [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,

    /// How long requests that run have to finish when the host stops [default: 30s], or was reloaded [default: 1h]
    #[arg(long, value_name = "TIME")]
    pub drain_timeout: Option<Time>,

    /// Folder for compiled components, the host's own [default: the service's or the user's own]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// How large that folder may be [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub cache_size: Option<Size>,
}

impl Written {
    /// Whether nothing is said about what to serve and how.
    pub fn is_empty(&self) -> bool {
        let Self { config, listen, socket_mode, socket_owner, http, module, .. } = self;
        let Self { arg, root, preset, mount, control, watch, no_watch, probe, .. } = self;
        let Self { execution, reuse, registry, wall, .. } = self;
        let no_listen =
            listen.is_empty() && socket_mode.is_none() && socket_owner.is_none() && http.is_none();
        let no_site =
            module.is_none() && arg.is_empty() && root.is_none() && preset.is_none() && mount.is_empty();
        let no_reload = control.is_none() && watch.is_empty() && !no_watch && probe.is_none();
        let nothing = config.is_none() && no_listen && no_site && no_reload;
        nothing && execution.is_empty() && reuse.is_empty() && registry.is_empty() && wall.is_empty()
    }

    /// The same as a file would say it, as far as it can be read.
    pub(super) fn document(self, errors: &mut Errors) -> Document {
        let Self { config: _, listen, web_server_addrs, socket_mode, socket_owner, http, .. } = &self;
        let text = |name, value: &Option<String>| {
            value.as_ref().map(|value| Setting::option(name, value, value.clone()))
        };
        let (mode, owner) = (text("--socket-mode", socket_mode), text("--socket-owner", socket_owner));
        let with_access = |listen| Listen { mode: mode.clone(), owner: owner.clone(), ..listen };
        let listen = listen.iter().map(|one| with_access(self::listen(one, errors))).collect();
        let (http, web_server_addrs) =
            (text("--http", http), text("FCGI_WEB_SERVER_ADDRS", web_server_addrs));
        let control = text("--control", &self.control);
        let reload_on_change = self.no_watch.then(|| Setting::option("--no-watch", "", false));
        let (document, wall) = (self.execution.clone().document(), self.wall.clone().document());
        let limits = self.reuse.limit(document.limits.clone());
        let registry = self.registry.clone().document();
        let site = vec![self.site(errors)];
        let document = Document { control, reload_on_change, http, web_server_addrs, limits, ..document };
        Document { wall, registry, listen, site, ..document }
    }

    fn site(self, errors: &mut Errors) -> Site {
        let Self { module, arg, root, preset, mount, watch, probe, probe_status, .. } = self;
        let path = |name, value: PathBuf| Setting::option(name, value.display(), value.clone());
        Site {
            name: Some(Setting::option("--name", SITE, SITE.into())),
            preset: preset.map(|preset| Setting::option("--preset", format!("{preset:?}"), preset)),
            module: module.map(|file| path("--module", file)),
            args: arg.into_iter().map(|arg| Setting::option("--arg", &arg, arg.clone())).collect(),
            root: root.map(|folder| path("--root", folder)),
            mounts: mount.iter().filter_map(|text| self::mount(text, errors)).collect(),
            watch: watch.iter().map(|file| absolute("--watch", Path::new(file))).collect(),
            probe: probe.map(|uri| Setting::option("--probe", &uri, uri.clone())),
            probe_status: probe_status.map(|status| Setting::option("--probe-status", status, status)),
            ..Site::default()
        }
    }
}

impl WrittenExecution {
    fn is_empty(&self) -> bool {
        let Self { instances, queue, queue_wait, deadline, head_timeout, stall_timeout, .. } = self;
        let Self { max_request, max_response, memory, drain_timeout, cache_dir, cache_size, .. } = self;
        let times = [queue_wait, deadline, head_timeout, stall_timeout, drain_timeout];
        let sizes = [max_request, max_response, memory, cache_size];
        let numbers = [instances, queue];
        times.iter().all(|time| time.is_none())
            && sizes.iter().all(|size| size.is_none())
            && numbers.iter().all(|number| number.is_none())
            && cache_dir.is_none()
    }

    /// The same as a file would say it.
    pub(super) fn document(self) -> Document {
        let number = |name, value: Option<usize>| value.map(|value| Setting::option(name, value, value));
        let time = |name, value: Option<Time>| value.map(|value| Setting::option(name, value, value));
        let size = |name, value: Option<Size>| value.map(|value| Setting::option(name, value, value));
        let limits = Limits {
            instances: number("--instances", self.instances),
            queue: number("--queue", self.queue),
            queue_wait: time("--queue-wait", self.queue_wait),
            deadline: time("--deadline", self.deadline),
            memory: size("--memory", self.memory),
            max_request: size("--max-request", self.max_request),
            max_response: size("--max-response", self.max_response),
            ..Limits::default()
        };
        let cache_dir =
            self.cache_dir.map(|folder| Setting::option("--cache-dir", folder.display(), folder.clone()));
        Document {
            cache_dir,
            cache_size: size("--cache-size", self.cache_size),
            head_timeout: time("--head-timeout", self.head_timeout),
            stall_timeout: time("--stall-timeout", self.stall_timeout),
            drain_timeout: time("--drain-timeout", self.drain_timeout),
            limits,
            ..Document::default()
        }
    }
}

/// Reads `ADDRESS[,OPTION…]`.
pub(super) fn listen(text: &str, errors: &mut Errors) -> Listen {
    const NAME: &str = "--listen";

    let setting = |value: &str| Setting::option(NAME, text, value.to_owned());
    let mut parts = text.split(',');
    let address = parts.next().map(setting);
    let mut listen = Listen { address, ..Listen::default() };
    for option in parts {
        match option.split_once('=') {
            Some(("trust", claim)) => listen.trust.push(setting(claim)),
            Some(("distrust", claim)) => listen.distrust.push(setting(claim)),
            Some(("allow", network)) => listen.allow.push(setting(network)),
            Some(("allow-uid", user)) => listen.allow_uid.push(setting(user)),
            Some(("acl", entry)) => listen.acl.push(setting(entry)),
            Some(("sendfile", form)) => listen.sendfile = Some(setting(form)),
            _ => errors.at(
                &Place::Option(NAME, text.to_owned()),
                format!(
                    "{option:?} is not an option; there are trust=, distrust=, allow=NETWORK, allow-uid=USER, \
                     acl= and sendfile="
                ),
            ),
        }
    }
    listen
}

/// Below the folder in which the command was given, whatever the root.
fn absolute(name: &'static str, path: &Path) -> Setting<PathBuf> {
    match std::path::absolute(path) {
        Ok(absolute) => Setting::option(name, path.display(), absolute),
        Err(error) => Setting::wrong(name, path.display(), error.to_string()),
    }
}

/// Reads `HOST:GUEST[:ro|:rw]`.
pub(super) fn mount(text: &str, errors: &mut Errors) -> Option<Mount> {
    const NAME: &str = "--mount";

    let (rest, access) = match text.rsplit_once(':') {
        Some((rest, "ro")) => (rest, Access::Ro),
        Some((rest, "rw")) => (rest, Access::Rw),
        _ => (text, Access::Ro),
    };
    let Some((host, guest)) = rest.rsplit_once(':').filter(|(host, _)| !host.is_empty()) else {
        errors.at(
            &Place::Option(NAME, text.to_owned()),
            "write it as HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:rw",
        );
        return None;
    };
    Some(Mount {
        host: Some(absolute(NAME, Path::new(host))),
        guest: Some(Setting::option(NAME, text, guest.to_owned())),
        access: (access == Access::Rw).then(|| Setting::option(NAME, text, access)),
        ..Mount::default()
    })
}
