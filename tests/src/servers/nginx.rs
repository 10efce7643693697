//! nginx, as Debian's package has it.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use super::{Place, WebServer, example, own_user};

const PROGRAM: &str = "/usr/sbin/nginx";

/// What an operator changes in `examples/nginx/foswiki.conf`.
const SOCKET: &str = "unix:/run/foswiki/foswiki.sock";
const PORT: &str = "listen 80;";
const LOCATION: &str = "location / {";
const KEEP: &str = "fastcgi_keep_conn on;";

/// An nginx with the examples in `examples/nginx`, before it is started.
#[derive(Debug)]
pub struct Nginx {
    place: Place,
    site: String,
}

impl Nginx {
    /// An nginx that keeps its connections to the host.
    pub fn before(host: &impl AsRef<Path>) -> WebServer {
        Self::whole(host, true).start()
    }

    /// The same with another location beside the host's.
    pub fn with_location(host: &impl AsRef<Path>, location: &str) -> WebServer {
        Self::whole(host, true).beside(location).start()
    }

    /// An nginx that makes a connection for each request.
    pub fn without_keep_alive(host: &impl AsRef<Path>) -> WebServer {
        Self::whole(host, false).start()
    }

    /// `examples/nginx/foswiki.conf`, with connections that are kept or not.
    pub fn whole(host: &impl AsRef<Path>, keep: bool) -> Self {
        let place = Place::new("nginx");
        let changes = [
            (SOCKET, format!("unix:{}", host.as_ref().display())),
            (PORT, format!("listen {};", place.address())),
            (KEEP, if keep { KEEP } else { "fastcgi_keep_conn off;" }.to_owned()),
        ];
        let site = example("nginx/foswiki.conf", &changes);
        Self { place, site }
    }

    /// `examples/nginx/migrated.conf`: short URLs, and the host at a port.
    pub fn migrated(host: SocketAddr, root: &Path) -> Self {
        let place = Place::new("nginx");
        let changes = [
            ("fastcgi_pass 127.0.0.1:9000;", format!("fastcgi_pass {host};")),
            ("root /var/www/foswiki;", format!("root {};", root.display())),
            (PORT, format!("listen {};", place.address())),
        ];
        let site = example("nginx/migrated.conf", &changes);
        Self { place, site }
    }

    /// With `examples/nginx/login.conf`: nginx asks for passwords, and tells who the user is at a socket of their own.
    #[must_use]
    pub fn with_login(self, users: &Path) -> Self {
        let changes = [
            ("/etc/nginx/foswiki.htpasswd", self.place.passwords().display().to_string()),
            ("unix:/run/foswiki/users.sock", format!("unix:{}", users.display())),
        ];
        let login = example("nginx/login.conf", &changes);
        self.beside(&login)
    }

    /// `examples/kubernetes/nginx.conf`: beside a host in a pod.
    pub fn in_pod(host: &impl AsRef<Path>) -> WebServer {
        let place = Place::new("nginx");
        let changes = [
            (SOCKET, format!("unix:{}", host.as_ref().display())),
            ("listen 8080;", format!("listen {};", place.address())),
        ];
        let site = example("kubernetes/nginx.conf", &changes);
        run(place, &site)
    }

    /// `examples/scaling/nginx.conf`: several hosts, each of which it waits for `patience` for.
    pub fn scaling(patience: &str) -> WebServer {
        let place = Place::new("nginx");
        let changes = [
            (PORT, format!("listen {};", place.address())),
            ("fastcgi_read_timeout 60s;", format!("fastcgi_read_timeout {patience};")),
        ];
        let site = example("scaling/nginx.conf", &changes);
        run(place, &site)
    }

    /// With another location beside the host's.
    fn beside(mut self, location: &str) -> Self {
        self.site = self.site.replacen(LOCATION, &format!("{location}\n\n    {LOCATION}"), 1);
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> WebServer {
        run(self.place, &self.site)
    }
}

fn run(place: Place, site: &str) -> WebServer {
    place.write("site.conf", site);
    place.write("nginx.conf", &main(&place));
    fs::copy("/etc/nginx/fastcgi_params", place.folder().join("fastcgi_params"))
        .expect("nginx's own variables");
    let mut program = Command::new(PROGRAM);
    program.arg("-p").arg(place.folder()).args(["-c", "nginx.conf", "-e", "error.log"]);
    place.run(&mut program, "nginx")
}

/// What Debian's own `nginx.conf` is, in short, around the operator's file.
fn main(place: &Place) -> String {
    // As root, nginx would give its workers to a user who cannot enter the story's folders.
    let user = if own_user() == 0 { "user root;" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {};\n", place.folder().join(name).display()))
        .concat();
    format!(
        "{user}\nworker_processes 1;\ndaemon off;\npid nginx.pid;\nevents {{ worker_connections 512; }}\n\
         http {{\n    access_log off;\n{temporary}    include site.conf;\n}}\n"
    )
}
