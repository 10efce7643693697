//! A wiki with a large attachment, beside it the guest that does what its path says, and the settings of a host for both.

use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tempfile::TempDir;
use tests::{Apache, TestHost, WebServer, example, filled_in, free_address, guest, noise, paths};

/// Where a form has its hosts from.
#[derive(Clone, Copy)]
pub(crate) enum Hosts {
    /// One that runs by itself.
    Own,
    /// The web server starts them; their settings are beside the program.
    Beside,
    /// The web server starts them and names the file of their settings; compiled code is in that folder.
    Named(fn() -> PathBuf),
}

/// What a web server stands before.
pub(crate) struct Ground {
    hosts: Hosts,
    folder: TempDir,
    root: PathBuf,
    ports: [SocketAddr; 2],
    text: String,
    host: Option<TestHost>,
}

/// The large attachment: its name, and its length.
pub(crate) const FILM: (&str, u32) = ("Sandbox/FamousLighthouses/film.bin", 50_000_000);

/// What is in a topic with a name in other letters, and in its attachment.
pub(crate) const GREETING: &str = "Schöne Grüße von der Brücke";

/// The route of the guest that does what its path says, and which version of the settings this is.
const TRY: &str = "\n[[site.route]]\nname = \"try\"\nactions = [\"try\"]\nmodule = \"$FOLDER/try.wasm\"\n\
                   env = { VERSION = \"0\" }\nlimits = { memory = \"128MiB\" }\n";

/// What the example listens to.
const SPAWNED: &str = "address = \"fd:0\"\n";

/// The same with what Apache and lighttpd have checked.
const SPAWNED_TRUSTED: &str = "address = \"fd:0\"\ntrust = [\"user\"]\n";

/// The sockets and ports of a host that runs by itself; the one that is waited for is the last.
const OWN: &str = "address = \"PLAIN\"\n[[listen]]\naddress = \"TRUSTED\"\ntrust = [\"user\"]\n\
                   [[listen]]\naddress = \"$SOCKET.users\"\nmode = \"0666\"\ntrust = [\"user\"]\n\
                   [[listen]]\naddress = \"$SOCKET\"\nmode = \"0666\"\n";

/// Where it is told to.
const CONTROL: &str = "control = \"$SOCKET.control\"\n";

/// What is changed is loaded when a host is told to.
const TOLD: &str = "reload-on-change = false\n";

impl Ground {
    /// With hosts that notice by themselves what is changed, if the web server starts them.
    pub(crate) fn new(hosts: Hosts) -> Self {
        Self::with(hosts, "")
    }

    /// With hosts that have to be told.
    pub(crate) fn told(hosts: Hosts) -> Self {
        Self::with(hosts, TOLD)
    }

    fn with(hosts: Hosts, told: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("wiki.").tempdir().expect("a folder");
        enterable(folder.path());
        let root = folder.path().join("wiki");
        paths::copy(&paths::repository("examples/wiki"), &root).expect("a copy");
        write(&root.join("pub").join(FILM.0), &film());
        write(&root.join("pub/Sandbox/ÜberBrücken/Grüße.txt"), GREETING.as_bytes());
        write(&root.join("data/Sandbox/ÜberBrücken.txt"), GREETING.as_bytes());
        let ports = [free_address(), free_address()];
        let mut ground = Self { hosts, folder, root, ports, text: String::new(), host: None };
        ground.replace_module(0);
        ground.text = told.to_owned() + &ground.written();
        match hosts {
            Hosts::Own => ground.host = Some(own_host(&ground.text)),
            Hosts::Beside => (),
            Hosts::Named(_) => write(&ground.settings(), ground.text.as_bytes()),
        }
        ground
    }

    /// The settings of the example, with what is changed for the stories.
    fn written(&self) -> String {
        let cache = match self.hosts {
            Hosts::Own => paths::cache(),
            Hosts::Beside => Apache::cache(),
            Hosts::Named(cache) => cache(),
        };
        let changes = [
            ("/var/cache/foswiki", cache.display().to_string()),
            ("\"/var/www/foswiki\"", format!("\"{}\"", self.root.display())),
        ];
        let text = example("htaccess/fcgi-wasm-host.toml", &changes) + TRY;
        let text = text.replace("$FOLDER", &self.folder.path().display().to_string());
        if !matches!(self.hosts, Hosts::Own) {
            return text.replace(SPAWNED, SPAWNED_TRUSTED);
        }
        let [plain, trusted] = self.ports.map(|address| address.to_string());
        let own = OWN.replace("PLAIN", &plain).replace("TRUSTED", &trusted);
        let text = text.replace(SPAWNED, &own).replace("instances = 1\n", "instances = 16\n");
        format!("{CONTROL}{TOLD}{text}")
    }

    /// The wiki.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What its settings file says, where the web server starts the hosts.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The settings file that the web server names.
    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.path().join("settings.toml")
    }

    /// The host, if it runs by itself.
    pub(crate) fn host(&self) -> Option<&TestHost> {
        self.host.as_ref()
    }

    /// A socket at which the web server is believed who the user is.
    pub(crate) fn users(&self) -> PathBuf {
        let mut path = self.as_ref().as_os_str().to_owned();
        path.push(".users");
        path.into()
    }

    /// A port at which it is not.
    pub(crate) fn port(&self) -> SocketAddr {
        self.ports[0]
    }

    /// A port at which it is.
    pub(crate) fn trusted_port(&self) -> SocketAddr {
        self.ports[1]
    }

    /// Writes the settings of a version, and another module, and has a host of its own load them.
    pub(crate) fn change(&self, server: &WebServer, version: usize) {
        self.replace_module(version);
        let text = self.text.replace("VERSION = \"0\"", &format!("VERSION = \"{version}\""));
        match (&self.host, self.hosts) {
            (Some(host), _) => {
                let text = filled_in(&text, host.socket(), host.folder());
                replace(&host.folder().join("settings.toml"), text.as_bytes());
                host.ok(&["reload"]);
            }
            (None, Hosts::Named(_)) => replace(&self.settings(), text.as_bytes()),
            (None, _) => replace(&server.folder().join("bin/fcgi-wasm-host.toml"), text.as_bytes()),
        }
    }

    /// One of two components in turn that do the same.
    fn replace_module(&self, version: usize) {
        let mut bytes = fs::read(paths::component(guest::BEHAVIOURS)).expect("a component");
        if version % 2 == 1 {
            // A custom section (WebAssembly 2.0 §5.5.3): its length, that of its name, the name, and what is inside.
            bytes.extend([0, 3, 1, b's', 1]);
        }
        replace(&self.folder.path().join("try.wasm"), &bytes);
    }
}

impl AsRef<Path> for Ground {
    /// The socket of a host that runs by itself.
    fn as_ref(&self) -> &Path {
        self.host.as_ref().expect("a host of its own").socket()
    }
}

/// What is in the large attachment.
pub(crate) fn film() -> Bytes {
    noise(FILM.1)
}

fn own_host(settings: &str) -> TestHost {
    let host = TestHost::settings(settings);
    enterable(host.folder());
    host.start()
}

/// Lets web servers in that become another user.
fn enterable(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("a folder of this user's");
}

fn write(file: &Path, content: &[u8]) {
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(file, content).expect("a file");
}

/// Puts a file in the place of another, so that nobody sees half of it.
fn replace(file: &Path, content: &[u8]) {
    let fresh = file.with_extension("new");
    fs::write(&fresh, content).expect("a file");
    fs::rename(fresh, file).expect("the file's place");
}
