//! Apache with its modules for FastCGI, as Debian's packages have them.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Place, WebServer, example, own_user};
use crate::{guest, paths};

const PROGRAM: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

/// The user that Apache becomes when root starts it; it owns nothing.
const NOBODY: u32 = 65534;

/// What `examples/apache/attachments.conf` and `spawned-attachments.conf` use, besides asking.
const FILES: [&str; 8] =
    ["alias", "auth_basic", "authn_core", "authn_file", "authz_core", "authz_user", "headers", "mime"];

/// Who logs in at an Apache with attachments, all with the same password.
const USERS: [&str; 2] = ["ben", "stranger"];

/// The password of all users.
pub(super) const PASSWORD: &str = "secret";

/// An Apache with the examples in `examples/apache`.
#[derive(Debug)]
pub struct Apache;

impl Apache {
    /// The password of those who may log in.
    pub const PASSWORD: &'static str = PASSWORD;

    /// `mod_proxy_fcgi` before a host that runs already and is open to all users.
    pub fn before(host: &impl AsRef<Path>) -> WebServer {
        let changes = [("unix:/run/foswiki/foswiki.sock|", format!("unix:{}|", host.as_ref().display()))];
        let site = example("apache/foswiki.conf", &changes);
        start(Place::new("apache"), &["authz_core", "proxy", "proxy_fcgi"], &site)
    }

    /// `examples/apache/external.conf`: a wiki below a path.
    pub fn external(host: &impl AsRef<Path>) -> WebServer {
        start(Place::new("apache"), &PROXY, &external(host))
    }

    /// `examples/apache/external-port.conf`: the same over TCP.
    pub fn external_port(host: SocketAddr) -> WebServer {
        let site = paths::repository("examples/apache/external-port.conf");
        let site = fs::read_to_string(site).expect("the example");
        assert_eq!(site.matches("fcgi://10.0.0.2:9000/").count(), 2);
        let site = site.replace("fcgi://10.0.0.2:9000/", &format!("fcgi://{host}/"));
        start(Place::new("apache"), &PROXY, &site)
    }

    /// The first one with `examples/apache/login.conf`: Apache asks for passwords.
    pub fn with_login(host: &impl AsRef<Path>) -> WebServer {
        let place = Place::new("apache");
        let passwords = passwords(&place);
        let changes = [("/var/www/foswiki/data/.htpasswd", passwords.display().to_string())];
        let login = example("apache/login.conf", &changes);
        let modules = ["auth_basic", "authn_core", "authn_file", "authz_user"];
        let modules: Vec<_> = PROXY.into_iter().chain(modules).collect();
        start(place, &modules, &format!("{}\n{login}", external(host)))
    }

    /// `examples/apache/aliased.conf`: `mod_fcgid` and the program among the scripts of the wiki in `root`.
    pub fn aliased(root: &Path) -> WebServer {
        let place = Place::new("apache");
        let bin = scripts(&place, root);
        let site =
            fs::read_to_string(paths::repository("examples/apache/aliased.conf")).expect("the example");
        let site = site.replace("/var/www/foswiki/bin", &bin.display().to_string());
        start(place, &["alias", "authz_core", "fcgid"], &spawning(&site))
    }

    /// An `.htaccess` of those in `examples/htaccess`, with a provider's Apache around it.
    pub fn with_htaccess(name: &str, root: &Path) -> WebServer {
        let place = Place::new("apache");
        let bin = scripts(&place, root);
        fs::write(bin.join(".htaccess"), example(&format!("htaccess/{name}.htaccess"), &[])).expect("a file");
        let site = format!(
            "Alias /foswiki/bin {0}\n<Directory {0}>\nAllowOverride Options FileInfo AuthConfig\nRequire all granted\n\
             </Directory>\n",
            bin.display()
        );
        start(place, &["actions", "alias", "authz_core", "fcgid", "rewrite"], &spawning(&site))
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
        let passwords = passwords(&place);
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
        let passwords = passwords(&place);
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

/// The example of a wiki below a path, with the operator's changes.
fn external(host: &impl AsRef<Path>) -> String {
    let site = fs::read_to_string(paths::repository("examples/apache/external.conf")).expect("the example");
    let socket = "unix:/run/foswiki/foswiki.sock|";
    assert_eq!(site.matches(socket).count(), 2);
    site.replace(socket, &format!("unix:{}|", host.as_ref().display()))
}

/// The folder `bin` of a wiki, with the program and its settings in it.
fn scripts(place: &Place, root: &Path) -> PathBuf {
    let bin = place.folder().join("bin");
    fs::create_dir(&bin).expect("a folder");
    fs::copy(paths::program(), bin.join("foswiki.fcgi")).expect("a copy");
    let changes = [
        ("/var/cache/foswiki", cache(place).display().to_string()),
        ("root = \"/var/www/foswiki\"", format!("root = \"{}\"", root.display())),
    ];
    let settings = example("htaccess/fcgi-wasm-host.toml", &changes);
    fs::write(bin.join("fcgi-wasm-host.toml"), settings).expect("a settings file");
    bin
}

/// A folder for compiled code that belongs to Apache's user.
fn cache(place: &Place) -> PathBuf {
    let cache = place.folder().join("cache");
    fs::create_dir(&cache).expect("a folder");
    let user = if own_user() == 0 { NOBODY } else { own_user() };
    chown(&cache, Some(user), None).expect("a folder of that user's");
    cache
}

/// With the places of `mod_fcgid`'s own files.
fn spawning(site: &str) -> String {
    format!("FcgidIPCDir sockets\nFcgidProcessTableFile processes\n{site}")
}

/// What stories want to know from those hosts, and how long what hangs may hold Apache up.
const MORE: &str = "FcgidInitialEnv RUST_LOG info\nFcgidInitialEnv FCGI_WASM_HOST_STALL_TIMEOUT 2s";

/// The example of hosts that Apache starts, with what they serve.
fn spawned(place: &Place, (variable, value): (&str, &Path)) -> String {
    let cache = cache(place);
    let changes = [
        ("FCGI_WASM_HOST_ROOT      /srv/foswiki", format!("{variable} {}", value.display())),
        ("/var/cache/apache2/foswiki", cache.display().to_string()),
        ("FCGI_WASM_HOST_INSTANCES 1", format!("FCGI_WASM_HOST_INSTANCES 1\n{MORE}")),
        ("/usr/local/bin/fcgi-wasm-host", paths::program().display().to_string()),
    ];
    let site = example("apache/spawned.conf", &changes);
    format!("FcgidIPCDir {0}/sockets\nFcgidProcessTableFile {0}/processes\n{site}", place.folder().display())
}

/// A file of passwords, as `htpasswd` makes it.
fn passwords(place: &Place) -> PathBuf {
    let file = place.write("passwords", "");
    for user in USERS {
        let htpasswd = Command::new("htpasswd").arg("-bB").arg(&file).args([user, PASSWORD]).output();
        assert!(htpasswd.is_ok_and(|output| output.status.success()), "no htpasswd: install apache2-utils");
    }
    file
}

/// Writes what Debian's own `apache2.conf` is, in short, above the operator's file.
fn start(place: Place, modules: &[&str], site: &str) -> WebServer {
    let load = |name: &&str| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n");
    let modules = ["mpm_event"].iter().chain(modules).map(load).collect::<Vec<_>>().concat();
    // A site of its own, without a file in it.
    fs::create_dir(place.folder().join("www")).expect("a folder");
    let main = format!(
        "ServerRoot {0}\nServerName wiki.example\nDefaultRuntimeDir {0}\nPidFile apache.pid\nListen {1}\n\
         ErrorLog error.log\nDocumentRoot {0}/www\nUser #{NOBODY}\nGroup #{NOBODY}\n{modules}\
         <IfModule mime_module>\n    TypesConfig /etc/mime.types\n</IfModule>\n",
        place.folder().display(),
        place.address(),
    );
    let file = place.write("apache.conf", &(main + site));
    let mut program = Command::new(PROGRAM);
    program.args(["-D", "FOREGROUND", "-f"]).arg(file);
    place.run(&mut program, "apache2")
}
