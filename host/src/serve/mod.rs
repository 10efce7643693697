//! Serving: sockets, connections, and the way of a request through them.

mod acl;
mod budget;
mod connection;
mod dispatch;
mod handover;
mod inherited;
mod listener;
mod outbox;
mod peers;
mod probe;
mod redirect;
mod roles;
mod seldom;
mod sendfile;
mod serving;
mod stream;
mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub use acl::{Acl, Named};
use arc_swap::ArcSwap;
use dispatch::Dispatch;
pub use handover::{Hand, Handed, Word, send_with};
pub use inherited::{is_inherited, kept, kept_name, take_passed};
pub use listener::{Address, Bound, Listen, ListenError, Listener, SocketAccess, SocketPath};
pub use peers::Peers;
pub use probe::{Health, Page, Probe, Unanswered};
pub use sendfile::SendFile;
pub use serving::{Candidate, ListenerId, Reception, Serving, Trial};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, info, warn};
pub use watch::Patience;

use connection::Closed;
use stream::Stream;

/// Connections at once. Further ones wait in the system's backlog. An idle one costs about 2 KiB and a descriptor.
const CONNECTIONS: usize = 8192;

/// How long to wait after an accept failed, usually because the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections and serves them, until it is stopped. Its clones are the same server.
#[derive(Clone)]
pub struct Server {
    current: Arc<ArcSwap<Serving>>,
    connections: TaskTracker,
    acceptors: TaskTracker,
    /// What is under way beside requests.
    beside: TaskTracker,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    /// Another process goes on with the sockets.
    left: Arc<AtomicBool>,
}

/// A listener of a server.
pub struct Open {
    /// Where it is.
    pub address: Address,
    /// How those are received who come in there.
    pub reception: Reception,
    close: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    /// Serves with what `current` holds at the beginning of each request, until `stop`.
    pub fn new(current: Arc<ArcSwap<Serving>>, stop: CancellationToken) -> Self {
        Self {
            current,
            connections: TaskTracker::new(),
            acceptors: TaskTracker::new(),
            beside: TaskTracker::new(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            stop,
            left: Arc::default(),
        }
    }

    /// Accepts what comes to `listener` from now on. Its reception is to be among what is served already.
    pub fn open(&self, reception: Reception, address: Address, listener: Listener) -> Open {
        let dispatch = Arc::new(Dispatch::new(Arc::clone(&self.current), reception.listener));
        let close = self.stop.child_token();
        let open = Open { address, reception, close, connections: TaskTracker::new() };
        let acceptor = Acceptor {
            server: self.clone(),
            dispatch,
            close: open.close.clone(),
            connections: open.connections.clone(),
        };
        self.acceptors.spawn(acceptor.run(listener));
        open
    }

    /// Stops, and leaves the paths of sockets where they are: another process goes on with them.
    pub fn leave(&self) {
        self.leave_paths();
        self.stop.cancel();
    }

    /// Leaves the paths of sockets where they are when it stops: the next process goes on with them.
    pub fn leave_paths(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Removes the path of a socket, unless another process goes on with that.
    pub fn give_up(&self, path: Option<SocketPath>) {
        let Some(path) = path else { return };
        // That of a listener which is closed while the server goes on is nobody's.
        if self.left.load(Ordering::Relaxed) && self.stop.is_cancelled() {
            path.leave();
        }
    }

    /// Done when it is told to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs something that is waited for, as connections are, when the server stops.
    pub fn run_beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.beside.spawn(work);
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Waits until it was stopped, and then for what runs, within the patience that is in force. Returns the number of
    /// connections that were still busy then, and that were cut.
    pub async fn stopped(&self) -> usize {
        self.stop.cancelled().await;
        self.acceptors.close();
        self.acceptors.wait().await;
        self.connections.close();
        self.beside.close();
        let drain = self.current.load().patience.drain;
        let ended = async { tokio::join!(self.connections.wait(), self.beside.wait()) };
        if timeout(drain, ended).await.is_err() {
            error!(
                connections = self.connections.len(),
                ?drain,
                "cutting connections that did not finish in time"
            );
        }
        self.connections.len()
    }
}

impl Open {
    /// Accepts nothing more, and has its connections end with what runs on them.
    pub fn close(&self) {
        self.close.cancel();
        self.connections.close();
    }

    /// Whether it was closed and its last connection has ended.
    pub fn has_ended(&self) -> bool {
        self.close.is_cancelled() && self.connections.is_empty()
    }
}

struct Acceptor {
    server: Server,
    dispatch: Arc<Dispatch>,
    close: CancellationToken,
    connections: TaskTracker,
}

impl Acceptor {
    async fn run(self, mut listener: Listener) {
        while let Some(place) = self.place().await {
            tokio::select! {
                biased;
                accepted = listener.accept(&self.dispatch) => match accepted {
                    Ok(Some(stream)) => self.spawn(stream, place),
                    Ok(None) => {} // Refused.
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = self.close.cancelled() => break,
            }
        }
        info!("stopping: no new connections");
        self.server.give_up(listener.take_path());
        self.accept_waiting(&mut listener);
    }

    /// A place for one more connection, or nothing when the host stops.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            place = Arc::clone(&self.server.places).acquire_owned() => place.ok(),
            () = self.close.cancelled() => None,
        }
    }

    /// Takes the connections that were made before the address was given up: their clients expect an answer.
    fn accept_waiting(&self, listener: &mut Listener) {
        for _ in 0..CONNECTIONS {
            let Ok(place) = Arc::clone(&self.server.places).try_acquire_owned() else { return };
            match listener.accept_waiting(&self.dispatch) {
                Ok(Some(stream)) => self.spawn(stream, place),
                Ok(None) => {} // Refused.
                Err(_) => return,
            }
        }
    }

    fn spawn(&self, stream: Stream, place: OwnedSemaphorePermit) {
        let (dispatch, stop) = (Arc::clone(&self.dispatch), self.close.clone());
        // Counted for its listener as well, which may be closed before the host stops.
        match stream {
            Stream::Unix(stream) => self.track(connection(stream, dispatch, stop, place)),
            Stream::Tcp(stream) => self.track(connection(stream, dispatch, stop, place)),
        }
    }

    fn track(&self, connection: impl Future<Output = ()> + Send + 'static) {
        self.server.connections.spawn(self.connections.track_future(connection));
    }
}

async fn connection<S>(
    stream: S,
    dispatch: Arc<Dispatch>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match connection::serve(stream, dispatch, stop).await {
        Ok(()) => {}
        Err(Closed::Socket(error)) => debug!(%error, "connection closed"),
        Err(Closed::Lost(requests)) => {
            info!(requests, "the web server closed a connection: requests cancelled");
        }
        Err(closed @ Closed::Broken) => debug!("connection closed: {closed}"),
        Err(closed) => warn!("connection closed: {closed}"),
    }
}
