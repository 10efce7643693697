//! One wiki on two hosts, each on a machine of its own, behind a web server on a third one; and clients that ask for pages all the
//! while.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tests::{Network, Nginx, TestHost, WebServer, eventually, http::Reply, paths};

/// The hosts' machines.
pub(crate) const HOSTS: [usize; 2] = [0, 1];

/// Clients that ask at once.
const CLIENTS: usize = 4;

/// How long a web server waits for a host that is silent. Pages come sooner, on a busy machine too.
const PATIENCE: &str = "10s";

/// What each host serves: the wiki, and beside it what tells on which machine it was answered.
const SETTINGS: &str = r#"cache-dir = "$CACHE"
control = "$SOCKET.control"
[[listen]]
address = "$ADDRESS"
allow = ["10.0.0.1"]
[[listen]]
address = "$SOCKET"
[[site]]
name = "wiki"
root = "$WIKI"
env = { MACHINE = "$MACHINE" }
[[site.route]]
path = "/env"
module = "$GUESTS/behaviours.wasm"
[[site.route]]
path = "/count"
module = "$GUESTS/behaviours.wasm"
[[site.route]]
path = "/sleep"
module = "$GUESTS/behaviours.wasm"
"#;

/// Hosts and web server.
pub(crate) struct Fleet {
    pub(crate) network: Arc<Network>,
    pub(crate) web: WebServer,
    hosts: [Option<TestHost>; 2],
    wiki: TempDir,
}

/// Answers so far, machine by machine.
#[derive(Default)]
pub(crate) struct Answers([AtomicUsize; 2]);

impl Fleet {
    /// Behind a web server that waits so long for a silent host.
    pub(crate) fn behind(web: fn(&str) -> WebServer) -> Self {
        let network = Arc::new(Network::new(HOSTS.len()));
        let wiki = tempfile::tempdir().expect("a folder");
        paths::copy(&paths::repository("examples/wiki"), &wiki.path().join("wiki")).expect("a wiki");
        let hosts = HOSTS.map(|number| Some(start(&network, &wiki, number)));
        let web = network.on_web(|| web(PATIENCE));
        Self { network, web, hosts, wiki }
    }

    pub(crate) fn host(&self, number: usize) -> &TestHost {
        self.hosts[number].as_ref().expect("a host that runs")
    }

    /// Takes a host out, which is to be started again.
    pub(crate) fn take(&mut self, number: usize) -> TestHost {
        self.hosts[number].take().expect("a host that runs")
    }

    /// Ends a host as a machine without power does: the process that serves has no time for anything.
    pub(crate) fn kill(&mut self, number: usize) {
        let host = self.take(number);
        let process = process(&host).as_i64().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        kill_process(process.expect("its number"), Signal::KILL).expect("a process that runs");
    }

    /// Starts a host anew.
    pub(crate) fn start(&mut self, number: usize) {
        self.hosts[number] = Some(start(&self.network, &self.wiki, number));
    }

    /// A file of the wiki that both hosts serve.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.wiki.path().join("wiki").join(path)
    }

    /// Puts the program anew in its place and has it take over.
    pub(crate) fn upgrade(&self, number: usize) {
        let host = self.host(number);
        let before = process(host);
        let new = host.folder().join("new");
        fs::copy(paths::program(), &new)
            .and_then(|_| fs::rename(new, host.folder().join("program")))
            .expect("a copy");
        host.signal(Signal::USR2);
        eventually("another process serves", || process(host) != before);
    }

    /// Sends a request to the web server.
    pub(crate) fn send(&self, method: &str, uri: &str, body: &[u8]) -> Reply {
        self.network.on_web(|| self.web.send(method, uri, &[], body))
    }

    /// The host that runs a request.
    pub(crate) fn busy(&self) -> usize {
        let mut busy = None;
        eventually("a host runs the request", || {
            busy = HOSTS.into_iter().find(|number| running(self.host(*number)) > 0);
            busy.is_some()
        });
        busy.expect("a host")
    }

    /// Does something while clients ask for pages; every one of them must be answered, by whichever host.
    pub(crate) fn under_load(&mut self, meanwhile: impl FnOnce(&mut Self, &Answers)) {
        let (over, answers, failures) = (AtomicBool::new(false), Answers::default(), Mutex::new(Vec::new()));
        let address = self.web.address();
        let work = |client: usize| {
            while !over.load(Ordering::Relaxed) {
                let told = if client.is_multiple_of(2) {
                    answers.note(&tests::http::get(address, "/env"))
                } else {
                    shows_the_wiki(&tests::http::get(address, "/bin/view/Main/WebHome"))
                };
                if let Err(failure) = told {
                    failures.lock().expect("a list").push(failure);
                }
            }
        };
        let (work, network) = (&work, &Arc::clone(&self.network));
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                scope.spawn(move || network.on_web(|| work(client)));
            }
            // Clients end when this does, also where it fails.
            let _over = Over(&over);
            answers.wait_for(&HOSTS);
            meanwhile(self, &answers);
        });
        let failures = failures.into_inner().expect("a list");
        assert!(
            failures.is_empty(),
            "{} pages were not shown: {:?}\n{}",
            failures.len(),
            failures.first(),
            self.web.log()
        );
    }
}

impl Answers {
    /// Waits for more answers of each of these machines.
    pub(crate) fn wait_for(&self, hosts: &[usize]) {
        for number in hosts {
            let count = || self.0[*number].load(Ordering::Relaxed);
            let enough = count() + 10;
            eventually("a machine answers", || count() >= enough);
        }
    }

    fn note(&self, reply: &Reply) -> Result<(), String> {
        let machine = HOSTS.into_iter().find(|number| reply.text().contains(&format!("MACHINE={number}\n")));
        match machine {
            Some(number) if reply.status == 200 && reply.complete => {
                self.0[number].fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(format!("{} {}", reply.status, reply.text())),
        }
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tells a story behind each web server.
pub(crate) fn behind_both(story: fn(&mut Fleet)) {
    for web in [Nginx::scaling, tests::HaProxy::scaling] {
        story(&mut Fleet::behind(web));
    }
}

fn start(network: &Network, wiki: &TempDir, number: usize) -> TestHost {
    let settings = SETTINGS
        .replace("$ADDRESS", &Network::address(number).to_string())
        .replace("$WIKI", &wiki.path().join("wiki").display().to_string())
        .replace("$MACHINE", &number.to_string());
    network.on(number, || TestHost::settings(&settings).upgradable().start())
}

fn shows_the_wiki(reply: &Reply) -> Result<(), String> {
    let shown = reply.status == 200 && reply.complete && reply.text().contains("</html>");
    shown.then_some(()).ok_or_else(|| format!("{} {}", reply.status, reply.text()))
}

fn status(host: &TestHost, figure: &str) -> serde_json::Value {
    let status: serde_json::Value = serde_json::from_str(&host.ok(&["status", "--json"])).expect("JSON");
    status[figure].clone()
}

fn process(host: &TestHost) -> serde_json::Value {
    status(host, "pid")
}

fn running(host: &TestHost) -> u64 {
    status(host, "running").as_u64().expect("a number")
}
