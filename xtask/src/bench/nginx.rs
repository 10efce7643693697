//! One nginx in front of all contenders, with the same settings for each.

use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::CONNECTIONS;
use super::contenders::{Address, Contender};
use super::interrupt::Interrupt;
use super::server::Server;
use crate::packages;

/// What Debian's `fastcgi_params` has; a contender's script comes from a variable.
const PARAMS: [(&str, &str); 18] = [
    ("SCRIPT_FILENAME", "$script"),
    ("QUERY_STRING", "$query_string"),
    ("REQUEST_METHOD", "$request_method"),
    ("CONTENT_TYPE", "$content_type"),
    ("CONTENT_LENGTH", "$content_length"),
    ("SCRIPT_NAME", "$fastcgi_script_name"),
    ("REQUEST_URI", "$request_uri"),
    ("DOCUMENT_URI", "$document_uri"),
    ("DOCUMENT_ROOT", "$document_root"),
    ("SERVER_PROTOCOL", "$server_protocol"),
    ("REQUEST_SCHEME", "$scheme"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("SERVER_SOFTWARE", "nginx/$nginx_version"),
    ("REMOTE_ADDR", "$remote_addr"),
    ("REMOTE_PORT", "$remote_port"),
    ("SERVER_ADDR", "$server_addr"),
    ("SERVER_PORT", "$server_port"),
    ("SERVER_NAME", "$server_name"),
];

/// More requests than any run makes, so that no connection is closed for their number.
const ENDLESS: &str = "1000000000";

/// How long nginx keeps a connection that it does not use: no longer, because a contender that gives each connection a
/// process has none left for others meanwhile.
pub(crate) const IDLE: Duration = Duration::from_millis(200);

/// A running nginx, with two sites for each contender.
pub(crate) struct Nginx {
    sites: Vec<Sites>,
    pub(crate) server: Server,
}

/// Where a contender is reached.
#[derive(Clone, Copy)]
struct Sites {
    /// nginx keeps its connections to the contender open.
    keep: SocketAddr,
    /// nginx opens a connection for each request.
    close: SocketAddr,
}

impl Nginx {
    /// Starts nginx in `folder` in front of `contenders`.
    pub(crate) fn start(folder: &Path, contenders: &[Contender], interrupt: &Interrupt) -> Result<Self> {
        let sites = contenders
            .iter()
            .map(|_| Ok(Sites { keep: free_address()?, close: free_address()? }))
            .collect::<Result<Vec<Sites>>>()?;
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration(folder, contenders, &sites))?;
        let mut command = Command::new(packages::find("nginx")?);
        command.arg("-p").arg(folder).arg("-e").arg(folder.join("nginx.error.log")).arg("-c").arg(&file);
        let mut server = Server::start(command, folder.join("nginx.log")).context("nginx")?;
        let reachable = || sites.iter().all(|sites| TcpStream::connect(sites.close).is_ok());
        server.wait_for(reachable, interrupt).context("nginx")?;
        Ok(Self { sites, server })
    }

    /// Where the contender with this index is reached.
    pub(crate) fn site(&self, contender: usize, keep: bool) -> SocketAddr {
        let sites = self.sites[contender];
        if keep { sites.keep } else { sites.close }
    }
}

/// An address where nobody listens at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn configuration(folder: &Path, contenders: &[Contender], sites: &[Sites]) -> String {
    // As root, nginx would give up the right to reach the other servers' sockets.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let folder = folder.display();
    let mut text = format!(
        "{user}worker_processes 1;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.error.log;\n\
         events {{ worker_connections 1024; }}\nhttp {{\naccess_log off;\nkeepalive_requests {ENDLESS};\n"
    );
    for module in ["client_body", "fastcgi", "proxy", "scgi", "uwsgi"] {
        line(&mut text, &format!("{module}_temp_path {folder}/nginx.{module}"));
    }
    for module in ["fastcgi", "proxy"] {
        line(&mut text, &format!("{module}_buffer_size 16k"));
        line(&mut text, &format!("{module}_buffers 16 16k"));
    }
    line(&mut text, "proxy_http_version 1.1");
    for (name, value) in PARAMS {
        line(&mut text, &format!("fastcgi_param {name} {value}"));
    }
    for (index, (contender, sites)) in contenders.iter().zip(sites).enumerate() {
        for (keep, listen) in [(true, sites.keep), (false, sites.close)] {
            let (pool, pass) = directions(contender, &format!("{keep}_{index}"), keep);
            let script = contender.script.as_ref().map(|path| path.display().to_string());
            let script = script.unwrap_or("$document_root$fastcgi_script_name".into());
            let _ = writeln!(
                text,
                "{pool}\nserver {{ listen {listen}; server_name wiki.example; set $script {script};\n\
                 location / {{ {pass} }} }}"
            );
        }
    }
    text + "}\n"
}

/// The upstream called `name`, and how a location passes requests to it.
fn directions(contender: &Contender, name: &str, keep: bool) -> (String, String) {
    let server = match &contender.address {
        Address::FastCgi(path) => format!("unix:{}", path.display()),
        Address::Http(address) => address.to_string(),
    };
    let idle = if keep {
        let timeout = IDLE.as_millis();
        format!("keepalive {CONNECTIONS}; keepalive_requests {ENDLESS}; keepalive_timeout {timeout}ms;")
    } else {
        String::new()
    };
    let pass = match (&contender.address, keep) {
        (Address::FastCgi(_), true) => format!("fastcgi_pass {name}; fastcgi_keep_conn on;"),
        (Address::FastCgi(_), false) => format!("fastcgi_pass {name};"),
        (Address::Http(_), keep) => {
            let connection = if keep { "\"\"" } else { "close" };
            format!(
                "proxy_pass http://{name}; proxy_set_header Host $host; proxy_set_header Connection {connection};"
            )
        }
    };
    (format!("upstream {name} {{ server {server}; {idle} }}"), pass)
}

fn line(text: &mut String, directive: &str) {
    text.push_str(directive);
    text.push_str(";\n");
}
