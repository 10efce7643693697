//! The settings as written: the file, or the command line, which is the same thing written short.
//!
//! The comments on the fields are what editors show; `fcgi-wasm-host check --schema` prints them with the rest.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    setting::Setting,
    values::{Size, Time},
};

/// Settings of fcgi-wasm-host.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Document {
    /// Folder for compiled components, the host's own. Default: the service's or the user's own cache folder.
    #[schemars(with = "Option<String>")]
    pub cache_dir: Option<Setting<PathBuf>>,
    /// How many bytes compiled components may have there; those that have not been used for longest go first. Default: 1GiB.
    pub cache_size: Option<Setting<Size>>,
    /// Unix socket for `fcgi-wasm-host reload`, `status` and the like. Default: the path of the first listener with `.control` behind
    /// it; where that has none, `control.sock` in the service's folder (`RUNTIME_DIRECTORY`). `none`: there is none.
    pub control: Option<Setting<String>>,
    /// What is logged: `error`, `warn`, `info` or `debug`, or more of some parts and less of others, as the variable `RUST_LOG` would
    /// say it, which goes before this. Default: `info`.
    pub log: Option<Setting<String>>,
    /// Whether a change of this file, of a module or of a file that a site watches is followed by a reload. Default: true.
    pub reload_on_change: Option<Setting<bool>>,
    /// Also answer HTTP here, for development: a gateway to the first listener. Example: `127.0.0.1:8080`.
    pub http: Option<Setting<String>>,
    /// Addresses of web servers, with commas between them: connections from elsewhere are closed, those over Unix sockets too
    /// unless `allow-uid` names their user.
    pub web_server_addrs: Option<Setting<String>>,
    /// How long the web server may take for the head of a request, which it sends in one write. Default: 30s.
    pub head_timeout: Option<Setting<Time>>,
    /// How long the web server may leave a body half sent, or a response unread, without any progress. Default: 1m.
    pub stall_timeout: Option<Setting<Time>>,
    /// How long requests that run have to finish: of a host that stops, and of what was replaced by a reload. Default: 30s of a host
    /// that stops, 1h of what was replaced.
    pub drain_timeout: Option<Setting<Time>>,
    /// What all sites together may use, and what each request may use where neither site nor route says otherwise.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What the process as a whole may do.
    #[serde(skip_serializing_if = "Wall::is_empty")]
    pub wall: Wall,
    /// Registries that modules come from.
    #[serde(skip_serializing_if = "Registry::is_empty")]
    pub registry: Registry,
    /// Where web servers connect, at one place at least.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<Listen>,
    /// What is served.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub site: Vec<Site>,
}

/// What the process as a whole may do, besides what the other settings need.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Wall {
    /// User that the host becomes when its sockets are bound, by name or number; it must be started as root.
    pub user: Option<Setting<String>>,
    /// Group that it has then. Default: the user's own.
    pub group: Option<Setting<String>>,
    /// Permission bits that the files of handlers do not get, octal. Default: 027.
    pub umask: Option<Setting<String>>,
    /// Paths that stay within the process's reach though nothing is mounted from them yet, read-only unless `:rw` is behind
    /// them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_path: Vec<Setting<String>>,
    /// Parts to do without: `landlock`, `capability-drop`, `dump-protection`, `seccomp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Setting<String>>,
}

impl Wall {
    fn is_empty(&self) -> bool {
        let Self { user, group, umask, allow_path, without } = self;
        let no_one = user.is_none() && group.is_none() && umask.is_none();
        no_one && allow_path.is_empty() && without.is_empty()
    }
}

/// Registries that modules come from: `module = "oci://HOST/NAME:TAG"`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Registry {
    /// File with users and passwords, as `docker login` writes it (`config.json`). Default: everybody may pull.
    #[schemars(with = "Option<String>")]
    pub credentials: Option<Setting<PathBuf>>,
    /// Files with public keys (PEM), one of which each module must be signed with, as `cosign sign --key` does it. Default: none, and
    /// modules need not be signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub keys: Vec<Setting<PathBuf>>,
    /// Registries that speak HTTP without TLS, `HOST` or `HOST:PORT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plain_http: Vec<Setting<String>>,
    /// How often it is asked whether a tag has moved to another module, which is followed by a reload as a change of a file is
    /// (`reload-on-change`). Default: 1m.
    pub interval: Option<Setting<Time>>,
}

impl Registry {
    fn is_empty(&self) -> bool {
        let Self { credentials, keys, plain_http, interval } = self;
        credentials.is_none() && keys.is_empty() && plain_http.is_empty() && interval.is_none()
    }
}

/// A socket for web servers.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Listen {
    /// A path, HOST:PORT, [V6]:PORT, :PORT (127.0.0.1; all addresses where `allow` says who may connect), fd:NAME (the socket that
    /// systemd passes under that name; fd:systemd is the only one) or fd:0 (the one that a web server passes to a host that it
    /// starts).
    #[schemars(required)]
    pub address: Option<Setting<String>>,
    /// Permission bits of a Unix socket, octal. Default: 0660.
    pub mode: Option<Setting<String>>,
    /// Owner of a Unix socket, `USER:GROUP` by name or number.
    pub owner: Option<Setting<String>>,
    /// Who else may open a Unix socket, as `u:USER:rw` or `g:GROUP:rw`, and who may not, as `u:USER:---` (acl(5)). Default: what the
    /// default list of its folder says, as far as `mode` lets it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acl: Vec<Setting<String>>,
    /// Networks that may connect over TCP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Setting<String>>,
    /// Users whose processes may connect to a Unix socket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_uid: Vec<Setting<String>>,
    /// What the web server is believed: `user` (who the client is), `https`, `forwarded` (what other proxies say).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trust: Vec<Setting<String>>,
    /// What it is not believed, such as `https`, which it is by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub distrust: Vec<Setting<String>>,
    /// How the web server is told to send a file below a mount: `x-sendfile`, `x-sendfile-raw`,
    /// or `x-accel-redirect:/PREFIX`.
    pub sendfile: Option<Setting<String>>,
    /// Names of the sites that can be reached here. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<Setting<String>>,
}

/// A site: a wiki, or something else that shares nothing with the others.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Site {
    /// The site's name, for people, for the log and for the variable `FCGI_SITE`, with which a web server names it.
    #[schemars(required)]
    pub name: Option<Setting<String>>,
    /// Host names: `wiki.example.org`, or `*.example.org` for all below it. Default: every host that no other site names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Setting<String>>,
    /// The URL path that the site is below, such as `/foswiki`. Default: all paths that no other site of the host has.
    pub path: Option<Setting<String>>,
    /// Routes that are there without being written: `foswiki` (the default where there is a `root`) or `none`.
    pub preset: Option<Setting<Preset>>,
    /// Wiki folder: its data, pub, templates and working are mounted at /data, /pub, …
    #[schemars(with = "Option<String>")]
    pub root: Option<Setting<PathBuf>>,
    /// What the site may use at once, and each of its requests where the route does not say otherwise.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Component that answers requests: a file, or an artifact in a registry, such as `oci://registry.example.org/wiki:1.2` or one
    /// with its digest, `oci://registry.example.org/wiki@sha256:…`. Default: the built-in wiki.
    #[schemars(with = "Option<String>")]
    pub module: Option<Setting<PathBuf>>,
    /// Arguments for a component that is a program. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Setting<String>>,
    /// Folders that the handler sees; one at the place of a folder of `root` takes that place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Variables of the handler's environment. They go before the request's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Setting<String>>,
    /// Names of variables of the host's environment that the handler sees as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env_from_host: Vec<Setting<String>>,
    /// Servers that the handler may send HTTP requests to, such as `https://api.example.org` or `http://*.example.org:8080`.
    /// Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbound: Vec<Setting<String>>,
    /// Whether the names of these servers may lead into private networks or to the machine itself. Default: false.
    pub outbound_private: Option<Setting<bool>>,
    /// What the handler's clocks show. Default: `real`.
    pub clock: Option<Setting<Clock>>,
    /// What its random numbers are. Default: `real`.
    pub random: Option<Setting<Random>>,
    /// What the site may hold in its writable folders.
    pub quota: Option<Quota>,
    /// Files whose change is followed by a reload, such as `lib/LocalSite.cfg`: instances that were made before are not used
    /// again. A relative path is below `root`, or below the folder of this file where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub watch: Vec<Setting<PathBuf>>,
    /// A page that is asked for before a reload takes effect, such as `/bin/view/Main/WebHome`: a new generation that does not
    /// answer as it should never serves. Default: none.
    pub probe: Option<Setting<String>>,
    /// The status that it is to be answered with. Default: 200.
    pub probe_status: Option<Setting<u16>>,
    /// Routes. A site without any, and without a preset, has one for all requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub route: Vec<Route>,
}

// What a handler is given stands in `Site` and in `Route`: flattened out of one table for both, settings would not know
// their places in the file.
/// Requests of a site that are answered in the same way, with the same authority.
///
/// The longest `path` that fits decides, then the action; a route with neither is for all other requests.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Route {
    /// The route's name, for people and for the log. Default: its actions or its path.
    pub name: Option<Setting<String>>,
    /// Actions: the first path segment behind the script path, such as `view`, or the name of a script.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Setting<String>>,
    /// The URL path that the requests are below, such as `/foswiki/pub`.
    pub path: Option<Setting<String>>,
    /// Methods. Default: all that no other route with the same actions or path names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Setting<String>>,
    /// What its requests may use.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Component that answers requests. Default: the site's.
    #[schemars(with = "Option<String>")]
    pub module: Option<Setting<PathBuf>>,
    /// Arguments for a component that is a program. Default: the site's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Setting<String>>,
    /// Folders that the handler sees, besides the site's; one at the place of another takes that place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Variables of the handler's environment, besides the site's. They go before the request's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Setting<String>>,
    /// Names of variables of the host's environment that the handler sees as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env_from_host: Vec<Setting<String>>,
    /// Servers that the handler may send HTTP requests to, such as `https://api.example.org` or `http://*.example.org:8080`.
    /// Default: the site's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbound: Vec<Setting<String>>,
    /// Whether the names of these servers may lead into private networks or to the machine itself. Default: the site's.
    pub outbound_private: Option<Setting<bool>>,
    /// What the handler's clocks show. Default: the site's.
    pub clock: Option<Setting<Clock>>,
    /// What its random numbers are. Default: the site's.
    pub random: Option<Setting<Random>>,
}

/// A folder that a handler sees.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Mount {
    /// The folder on the machine; a relative path is below `root`, or below the folder of this file where there is none.
    #[schemars(with = "Option<String>")]
    pub host: Option<Setting<PathBuf>>,
    /// Where the handler sees it, such as `/data`.
    #[schemars(required)]
    pub guest: Option<Setting<String>>,
    /// What the handler may do there. Default: `ro`.
    pub access: Option<Setting<Access>>,
    /// Names of files that may be written in spite of `ro`, such as `*.lease`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<Setting<String>>,
    /// Names of files directly inside the folder that are not there for the handler, such as `.htpasswd`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<Setting<String>>,
}

/// What a handler may do with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read and list.
    Ro,
    /// Create, change and remove as well.
    Rw,
    /// Nothing: a mount that is there otherwise is not there.
    None,
}

/// Routes that are there without being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The actions of Foswiki, each with what it needs of the wiki folder.
    Foswiki,
    /// None: what the site says is all that there is.
    None,
}

/// What may be used.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Limits {
    /// Requests that run at once: of all sites, of the site or of the route. Default: 64 of all sites; half of that of a site,
    /// where there are several; what the site may, of a route.
    pub instances: Option<Setting<usize>>,
    /// Requests that may wait for their turn. Default: 1024.
    pub queue: Option<Setting<usize>>,
    /// How long each waits before it is answered with 503. Default: 10s.
    pub queue_wait: Option<Setting<Time>>,
    /// How long a handler may take, not counting its waits for the client. Default: 30s.
    pub deadline: Option<Setting<Time>>,
    /// Memory of one instance. Default: 64MiB.
    pub memory: Option<Setting<Size>>,
    /// How long the body of a request may be. Default: 1GiB.
    pub max_request: Option<Setting<Size>>,
    /// How much a handler may send in one response. Default: 1GiB.
    pub max_response: Option<Setting<Size>>,
    /// How much a handler may write to its standard error for one request; the rest is dropped. Default: 64KiB.
    pub max_stderr: Option<Setting<Size>>,
    /// How many bytes a request may add to files. Default: as many as there is room for.
    pub max_write: Option<Setting<Size>>,
    /// How many files and folders a request may make. Default: as many as there is room for.
    pub max_files: Option<Setting<u64>>,
    /// How much of the processor's time a request may take. Default: as much as it has within its deadline.
    pub cpu: Option<Setting<Time>>,
    /// Requests that one instance of a wasi:http handler answers, one after the other. With more than one, what a request
    /// leaves in its memory may be found by the next one. Default: 1, a fresh instance for each.
    pub reuse: Option<Setting<u32>>,
    /// An instance with more memory than this is not used again. Default: all of its memory.
    pub reuse_memory: Option<Setting<Size>>,
    /// How long an instance waits for its next request. Default: 1m.
    pub reuse_idle: Option<Setting<Time>>,
}

/// What a site may hold.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
#[schemars(deny_unknown_fields)]
pub struct Quota {
    /// Bytes of all files in its writable folders. Default: as many as there is room for.
    pub bytes: Option<Setting<Size>>,
    /// Files and folders. Default: as many as there is room for.
    pub files: Option<Setting<u64>>,
}

/// What a handler's clocks show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// The time.
    Real,
    /// When the request first looked at one: nothing can be measured.
    Still,
}

/// What a handler's random numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Random {
    /// Random.
    Real,
    /// The same ones for every request.
    Fixed,
}

impl Limits {
    fn is_empty(&self) -> bool {
        let Self { instances, queue, queue_wait, deadline, memory, max_request, max_response, .. } = self;
        let Self { max_stderr, max_write, max_files, cpu, reuse, reuse_memory, reuse_idle, .. } = self;
        let sizes = [memory, max_request, max_response, max_stderr, max_write, reuse_memory];
        let times = [queue_wait, deadline, cpu, reuse_idle];
        let numbers = instances.is_none() && queue.is_none() && max_files.is_none() && reuse.is_none();
        numbers && sizes.iter().all(|one| one.is_none()) && times.iter().all(|one| one.is_none())
    }
}
