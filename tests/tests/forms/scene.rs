//! A web server in one of its forms, and what is behind it.

use std::{fs, io::Read, net::TcpStream, time::Duration};

use rustix::process::Pid;
use tests::{WebServer, http::Reply};

use crate::{Form, GOOD, MULTIPLEXED, ground::Ground};

/// The scripts' path, in every form.
pub(crate) const BIN: &str = "/foswiki/bin";

/// What is on the wiki's first page.
pub(crate) const WELCOME: &str = "This is a small wiki";

/// The names of the host's program: its own, and that among the scripts of a wiki.
const PROGRAMS: [&str; 2] = ["fcgi-wasm-host\n", "foswiki.fcgi\n"];

/// How long nothing must come for others to count as waiting, where several share a connection.
const SILENCE: Duration = Duration::from_secs(1);

pub(crate) struct Scene {
    pub(crate) form: &'static Form,
    pub(crate) server: WebServer,
    // Ends after the web server, which may wait for it.
    pub(crate) ground: Ground,
}

impl Scene {
    pub(crate) fn new(form: &'static Form) -> Self {
        Self::on(Ground::new(form.hosts), form)
    }

    pub(crate) fn on(ground: Ground, form: &'static Form) -> Self {
        let server = (form.start)(&ground);
        let scene = Self { form, server, ground };
        // What the web server starts compiles first; until then it may start more.
        for path in ["/view/Main/WebHome", "/try/visits"] {
            let reply = scene.bin("GET", path, &[], b"");
            assert_eq!(reply.status, 200, "{path}: {}\n{}", reply.text(), scene.logs());
        }
        scene
    }

    /// A request for a script.
    pub(crate) fn bin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.server.send(method, &format!("{BIN}{path}"), headers, body)
    }

    /// Begins one.
    pub(crate) fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> TcpStream {
        self.server.begin(method, &format!("{BIN}{path}"), headers)
    }

    /// Whether others are served: a page of the wiki.
    pub(crate) fn serves_others(&self) -> bool {
        let path = "/view/Main/WebHome";
        if self.form.name == MULTIPLEXED {
            let mut stream = self.begin("GET", path, &[]);
            stream.set_read_timeout(Some(SILENCE)).expect("a socket");
            return stream.read_to_end(&mut Vec::new()).is_ok();
        }
        let page = self.bin("GET", path, &[], b"");
        page.status == 200 && page.text().contains(WELCOME)
    }

    /// The error logs of the web server and of the host, which may be one.
    pub(crate) fn logs(&self) -> String {
        let host = self.ground.host().map(tests::TestHost::log).unwrap_or_default();
        format!("{}\n{host}", self.server.log())
    }

    /// The hosts that the web server has started.
    pub(crate) fn children(&self) -> Vec<Pid> {
        let name = |pid: &Pid| fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
        let is_host = |pid: &Pid| name(pid).is_ok_and(|name| PROGRAMS.contains(&name.as_str()));
        self.server.children().into_iter().filter(is_host).collect()
    }

    /// Resident memory, in bytes, of the host that has most.
    pub(crate) fn memory(&self) -> u64 {
        let own = self.ground.host().map(tests::TestHost::memory);
        own.into_iter().chain(self.children().into_iter().filter_map(memory)).max().unwrap_or_default()
    }
}

/// The resident memory of a process; it may end meanwhile.
fn memory(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// What a case says of a reply that is as it should be, or is not.
pub(crate) fn verdict(reply: &Reply, good: bool) -> String {
    match reply.status {
        _ if good => GOOD.into(),
        0 => "no reply".into(),
        200 if !reply.complete => "cut".into(),
        200 => "otherwise".into(),
        status => status.to_string(),
    }
}

/// The first of some verdicts that is not good.
pub(crate) fn all<const N: usize>(verdicts: [String; N]) -> String {
    verdicts.into_iter().find(|verdict| verdict != GOOD).unwrap_or_else(|| GOOD.into())
}
