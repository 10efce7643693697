//! A web server, what it says to its host, and the host.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use fcgi::RecordType;
use tests::{Event, Side, Tap, TestHost, WebServer, eventually, guest, http::Reply};

/// What a cell says where the case cannot be seen: the host is the web server's own child.
const UNSEEN: &str = "–";

/// Far longer than any handler here takes, but for those that sleep for ever.
const DEADLINE: [&str; 2] = ["--deadline", "30s"];

/// How many requests go well before it is said that something has not happened.
const ROUNDS: usize = 20;

/// A web server before a host that misbehaves as it is told to.
pub(crate) struct Scene {
    // Ends first, and with it all that a web server waits for.
    behind: Option<(TestHost, Tap)>,
    pub(crate) server: WebServer,
}

/// What happens between web server and host while a case runs.
pub(crate) struct Watch<'a> {
    tap: &'a Tap,
    scene: &'a Scene,
    mark: usize,
}

impl Scene {
    /// A web server before a host that runs already.
    pub(crate) fn with(start: impl Fn(&Tap) -> WebServer) -> Self {
        let host = TestHost::with(guest::BEHAVIOURS).args(DEADLINE).start();
        let tap = Tap::before(&host);
        Self { server: start(&tap), behind: Some((host, tap)) }
    }

    /// A web server that starts its hosts itself.
    pub(crate) fn spawned(server: WebServer) -> Self {
        Self { server, behind: None }
    }

    pub(crate) fn get(&self, uri: &str) -> Reply {
        self.server.get(uri)
    }

    pub(crate) fn post(&self, uri: &str, body: &[u8]) -> Reply {
        self.server.send("POST", uri, &[], body)
    }

    /// Lets some other requests go well.
    pub(crate) fn let_others_pass(&self) {
        (0..ROUNDS).for_each(|_| assert_eq!(self.get("/visits").text(), "1\n"));
    }

    /// What is found out by listening to web server and host, where that is possible.
    pub(crate) fn listen(&self, find: impl Fn(&Watch) -> String) -> String {
        let watch = |(_, tap): &(TestHost, Tap)| find(&Watch { tap, scene: self, mark: tap.mark() });
        self.behind.as_ref().map_or_else(|| UNSEEN.into(), watch)
    }

    /// The error logs of the web server and of the host, which may be one.
    pub(crate) fn logs(&self) -> String {
        let host = self.behind.as_ref().map(|(host, _)| host.log()).unwrap_or_default();
        format!("{}\n{host}", self.server.log())
    }
}

impl Watch<'_> {
    /// What has happened so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.tap.since(self.mark)
    }

    /// What has happened since the web server was started.
    pub(crate) fn since_the_beginning(&self) -> Vec<Event> {
        self.tap.since(0)
    }

    /// How many records of a type have come from a side.
    pub(crate) fn count(&self, side: Side, kind: RecordType) -> usize {
        self.events().iter().filter(|event| event.is(side, kind)).count()
    }

    /// Waits for so many requests that have begun and not ended.
    pub(crate) fn wait_for_running(&self, count: usize) {
        eventually("requests run", || {
            let ended = self.count(Side::Host, RecordType::EndRequest);
            self.count(Side::Server, RecordType::BeginRequest) - ended == count
        });
    }

    /// Whether it is seen that `happened`. Waited for only if `expected`; otherwise other requests go well in the meantime.
    pub(crate) fn sees(&self, expected: bool, happened: impl Fn(&[Event]) -> bool) -> bool {
        if expected {
            eventually("it happens", || happened(&self.events()));
            return true;
        }
        self.scene.let_others_pass();
        happened(&self.events())
    }
}

/// How long nothing must come for a response to count as stuck, where that is what the table says.
const SILENCE: Duration = Duration::from_secs(1);

/// Whether the response to a request, whose body is sent here, ends before it is complete and nothing more comes.
pub(crate) fn is_stuck(mut stream: TcpStream, body: &[u8]) -> bool {
    stream.set_write_timeout(Some(SILENCE)).expect("a socket");
    stream.set_read_timeout(Some(SILENCE)).expect("a socket");
    let waits = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
    stream.write_all(body).is_err_and(waits) || stream.read_to_end(&mut Vec::new()).is_err_and(waits)
}

/// The cell for a reply that is as it should be, or for the status of another one.
pub(crate) fn verdict(reply: &Reply, good: impl Fn(&Reply) -> bool) -> String {
    match reply.status {
        _ if good(reply) => "yes".into(),
        0 => "no reply".into(),
        200 if !reply.complete => "cut".into(),
        200 => "otherwise".into(),
        status => status.to_string(),
    }
}
