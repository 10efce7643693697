//! Apache with its modules for FastCGI, as Debian's packages have them.

use std::{
    fs::{self, DirBuilder},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use super::{PASSWORD, Place, WebServer, example, example_in_places, own_user};
use crate::{guest, paths};

const PROGRAM: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

/// The user that Apache becomes when root starts it; it owns nothing.
const NOBODY: u32 = 65534;

/// What `examples/apache/attachments.conf` and `spawned-attachments.conf` use, besides asking.
const FILES: [&str; 8] =
    ["alias", "auth_basic", "authn_core", "authn_file", "authz_core", "authz_user", "headers", "mime"];

/// An Apache with the examples in `examples/apache` and `examples/htaccess`, before it is started.
#[derive(Debug)]
pub struct Apache {
    place: Place,
    modules: Vec<&'static str>,
    site: String,
}

impl Apache {
    /// The password of those who may log in.
    pub const PASSWORD: &'static str = PASSWORD;

    /// `mod_proxy_fcgi` before a host that runs already and is open to all users.
    pub fn before(host: &impl AsRef<Path>) -> WebServer {
        Self::whole(host, true).start()
    }

    /// `examples/apache/foswiki.conf`, with connections that are used again or not.
    pub fn whole(host: &impl AsRef<Path>, reuse: bool) -> Self {
        let changes = [
            ("unix:/run/foswiki/foswiki.sock|", format!("unix:{}|", host.as_ref().display())),
            ("enablereuse=on", format!("enablereuse={}", if reuse { "on" } else { "off" })),
        ];
        Self::proxying(example("apache/foswiki.conf", &changes))
    }

    /// `examples/apache/external.conf`: a wiki below a path.
    pub fn external(host: &impl AsRef<Path>) -> Self {
        let socket = ("unix:/run/foswiki/foswiki.sock|", format!("unix:{}|", host.as_ref().display()));
        Self::proxying(example_in_places("apache/external.conf", 3, &socket))
    }

    /// `examples/apache/external-port.conf`: the same over TCP.
    pub fn external_port(host: SocketAddr) -> Self {
        let port = ("fcgi://10.0.0.2:9000/", format!("fcgi://{host}/"));
        Self::proxying(example_in_places("apache/external-port.conf", 3, &port))
    }

    fn proxying(site: String) -> Self {
        Self { place: Place::new("apache"), modules: PROXY.to_vec(), site }
    }

    /// With `examples/apache/login.conf`: Apache asks for passwords.
    #[must_use]
    pub fn with_login(mut self) -> Self {
        let changes = [("/var/www/foswiki/data/.htpasswd", self.place.passwords().display().to_string())];
        self.site += &example("apache/login.conf", &changes);
        self.modules.extend(LOGIN);
        self
    }

    /// `examples/apache/aliased.conf`: `mod_fcgid` and the program among the scripts of a wiki, with the settings beside it.
    pub fn aliased(settings: &str) -> Self {
        let place = Place::new("apache");
        let bin = scripts(&place, settings);
        let folder = ("/var/www/foswiki/bin", bin.display().to_string());
        let site = example_in_places("apache/aliased.conf", 4, &folder);
        Self { place, modules: vec!["alias", "authz_core", "fcgid"], site: spawning(&site) }
    }

    /// An `.htaccess` of those in `examples/htaccess`, and the one for short URLs, with a provider's Apache around them.
    pub fn with_htaccess(name: &str, settings: &str) -> Self {
        let place = Place::new("apache");
        let bin = scripts(&place, settings);
        fs::write(bin.join(".htaccess"), example(&format!("htaccess/{name}.htaccess"), &[])).expect("a file");
        fs::write(place.www().join(".htaccess"), example("htaccess/short.htaccess", &[])).expect("a file");
        let site = format!(
            "Alias /foswiki/bin {}\n<Directory {}>\nAllowOverride Options FileInfo AuthConfig\nRequire all granted\n\
             </Directory>\n",
            bin.display(),
            place.folder().display()
        );
        let modules = vec!["actions", "alias", "authz_core", "fcgid", "rewrite"];
        Self { place, modules, site: spawning(&site) }
    }

    /// The same with `examples/htaccess/login.htaccess` below it.
    #[must_use]
    pub fn with_login_by_htaccess(mut self) -> Self {
        let changes = [("/var/www/foswiki/data/.htpasswd", self.place.passwords().display().to_string())];
        let file = self.place.folder().join("bin/.htaccess");
        let text = fs::read_to_string(&file).expect("a file") + &example("htaccess/login.htaccess", &changes);
        fs::write(file, text).expect("a file");
        self.modules.extend(LOGIN);
        self
    }

    /// With the line for long uploads of `examples/apache/spawned.conf`, which in an `.htaccess` is the provider's.
    #[must_use]
    pub fn with_long_uploads(mut self) -> Self {
        self.site += "FcgidMaxRequestLen 67108864\n";
        self
    }

    /// `examples/apache/spawned.conf` with a settings file in the place of single settings.
    pub fn spawning_with(settings: &Path) -> Self {
        let config = format!("FCGI_WASM_HOST_CONFIG {}", settings.display());
        let changes = [
            ("FCGI_WASM_HOST_ROOT      /srv/foswiki", config),
            ("FcgidInitialEnv FCGI_WASM_HOST_CACHE_DIR /var/cache/apache2/foswiki\n", String::new()),
            ("FcgidInitialEnv FCGI_WASM_HOST_INSTANCES 1\n", String::new()),
            ("/usr/local/bin/fcgi-wasm-host", paths::program().display().to_string()),
        ];
        let (place, site) = (Place::new("apache"), spawning(&example("apache/spawned.conf", &changes)));
        Self { place, modules: vec!["authz_core", "fcgid"], site }
    }

    /// The same with `mod_xsendfile`, which sends files in `folder` where the host names them.
    pub fn sending(host: &impl AsRef<Path>, folder: &Path) -> WebServer {
        let changes = [
            ("unix:/run/app/app.sock|", format!("unix:{}|", host.as_ref().display())),
            ("XSendFilePath /srv/app/files", format!("XSendFilePath {}", folder.display())),
        ];
        let site = example("apache/sendfile.conf", &changes);
        start(Place::new("apache"), &["authz_core", "proxy", "proxy_fcgi", "xsendfile"], &site)
    }

    /// `mod_authnz_fcgi`, which sends the attachments of the wiki in `root` itself, where the host at that port lets it.
    pub fn with_attachments(host: SocketAddr, root: &Path) -> WebServer {
        let place = Place::new("apache");
        let passwords = place.passwords();
        let pub_folder = root.join("pub").display().to_string();
        let changes = [
            (
                "AuthnzFcgiDefineProvider authz wiki       fcgi://127.0.0.1:9000/",
                format!("AuthnzFcgiDefineProvider authz wiki fcgi://{host}/"),
            ),
            (
                "AuthnzFcgiDefineProvider authn wiki-guest fcgi://127.0.0.1:9000/",
                format!("AuthnzFcgiDefineProvider authn wiki-guest fcgi://{host}/"),
            ),
            ("Alias /pub/ /srv/foswiki/pub/", format!("Alias /pub/ {pub_folder}/")),
            ("<Directory /srv/foswiki/pub>", format!("<Directory {pub_folder}>")),
            ("/etc/apache2/foswiki.htpasswd", passwords.display().to_string()),
        ];
        let site = example("apache/attachments.conf", &changes);
        let modules: Vec<_> = FILES.into_iter().chain(["authnz_fcgi"]).collect();
        start(place, &modules, &site)
    }

    /// The settings of the program among the scripts of the wiki in `root`: `examples/htaccess/fcgi-wasm-host.toml`.
    pub fn settings(root: &Path) -> String {
        let changes = [
            ("/var/cache/foswiki", Self::cache().display().to_string()),
            ("root = \"/var/www/foswiki\"", format!("root = \"{}\"", root.display())),
        ];
        example("htaccess/fcgi-wasm-host.toml", &changes)
    }

    /// The folder for compiled code of all hosts that Apache starts; it belongs to Apache's user.
    pub fn cache() -> PathBuf {
        let cache = paths::cache().with_file_name("test-cache-of-apache");
        DirBuilder::new().recursive(true).mode(0o700).create(&cache).expect("a folder");
        let user = if own_user() == 0 { NOBODY } else { own_user() };
        chown(&cache, Some(user), None).expect("a folder of that user's");
        cache
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> WebServer {
        start(self.place, &self.modules, &self.site)
    }

    /// `mod_fcgid`, which starts hosts for the guest that misbehaves as it is told to; they write into the log as well.
    pub fn spawning() -> WebServer {
        let place = Place::new("apache");
        let module = paths::component(guest::BEHAVIOURS);
        let site = spawned(&place, ("FCGI_WASM_HOST_MODULE", &module));
        start(place, &["authz_core", "fcgid"], &site)
    }

    /// `mod_fcgid`, which starts hosts for the wiki in `root` and sends attachments itself where they let it.
    pub fn spawning_with_attachments(root: &Path) -> WebServer {
        let place = Place::new("apache");
        let passwords = place.passwords();
        let pub_folder = root.join("pub").display().to_string();
        let program = paths::program().display().to_string();
        let changes = [
            ("Alias /pub/ /srv/foswiki/pub/", format!("Alias /pub/ {pub_folder}/")),
            ("<Directory /srv/foswiki/pub>", format!("<Directory {pub_folder}>")),
            ("/etc/apache2/foswiki.htpasswd", passwords.display().to_string()),
            ("FcgidAccessChecker /usr/local/bin/fcgi-wasm-host", format!("FcgidAccessChecker {program}")),
            ("FcgidAuthorizer   /usr/local/bin/fcgi-wasm-host", format!("FcgidAuthorizer {program}")),
        ];
        let wiki = spawned(&place, ("FCGI_WASM_HOST_ROOT", root));
        let attachments = example("apache/spawned-attachments.conf", &changes);
        let modules: Vec<_> = FILES.into_iter().chain(["fcgid"]).collect();
        start(place, &modules, &format!("{wiki}\n{attachments}"))
    }
}

/// What `mod_proxy_fcgi` takes.
const PROXY: [&str; 3] = ["authz_core", "proxy", "proxy_fcgi"];

/// What asking for passwords takes besides.
const LOGIN: [&str; 4] = ["auth_basic", "authn_core", "authn_file", "authz_user"];

/// The folder `bin` of a wiki, with the program and its settings in it.
fn scripts(place: &Place, settings: &str) -> PathBuf {
    let bin = place.folder().join("bin");
    fs::create_dir(&bin).expect("a folder");
    fs::copy(paths::program(), bin.join("foswiki.fcgi")).expect("a copy");
    fs::write(bin.join("fcgi-wasm-host.toml"), settings).expect("a settings file");
    bin
}

/// With the places of `mod_fcgid`'s own files.
fn spawning(site: &str) -> String {
    format!("FcgidIPCDir sockets\nFcgidProcessTableFile processes\nFcgidInitialEnv RUST_LOG info\n{site}")
}

/// What stories want to know from those hosts, and how long what hangs may hold Apache up.
const MORE: &str = "FcgidInitialEnv RUST_LOG info\nFcgidInitialEnv FCGI_WASM_HOST_STALL_TIMEOUT 2s";

/// The example of hosts that Apache starts, with what they serve.
fn spawned(place: &Place, (variable, value): (&str, &Path)) -> String {
    let cache = Apache::cache();
    let changes = [
        ("FCGI_WASM_HOST_ROOT      /srv/foswiki", format!("{variable} {}", value.display())),
        ("/var/cache/apache2/foswiki", cache.display().to_string()),
        ("FCGI_WASM_HOST_INSTANCES 1", format!("FCGI_WASM_HOST_INSTANCES 1\n{MORE}")),
        ("/usr/local/bin/fcgi-wasm-host", paths::program().display().to_string()),
    ];
    let site = example("apache/spawned.conf", &changes);
    format!("FcgidIPCDir {0}/sockets\nFcgidProcessTableFile {0}/processes\n{site}", place.folder().display())
}

/// Writes what Debian's own `apache2.conf` is, in short, above the operator's file.
fn start(place: Place, modules: &[&str], site: &str) -> WebServer {
    let load = |name: &&str| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n");
    let modules = ["mpm_event"].iter().chain(modules).map(load).collect::<Vec<_>>().concat();
    let www = place.www();
    let main = format!(
        "ServerRoot {0}\nServerName wiki.example\nDefaultRuntimeDir {0}\nPidFile apache.pid\nListen {1}\n\
         ErrorLog error.log\nDocumentRoot {2}\nUser #{NOBODY}\nGroup #{NOBODY}\n{modules}\
         <IfModule mime_module>\n    TypesConfig /etc/mime.types\n</IfModule>\n",
        place.folder().display(),
        place.address(),
        www.display(),
    );
    let file = place.write("apache.conf", &(main + site));
    let mut program = Command::new(PROGRAM);
    program.args(["-D", "FOREGROUND", "-f"]).arg(file);
    place.run(&mut program, "apache2")
}
