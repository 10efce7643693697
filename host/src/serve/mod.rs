//! Serving: sockets, connections, and the way of a request through them.

mod budget;
mod connection;
mod dispatch;
mod inherited;
mod listener;
mod outbox;
mod peers;
mod redirect;
mod roles;
mod seldom;
mod sendfile;
mod stream;
mod visitor;
mod watch;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use dispatch::Dispatch;
pub use inherited::{is_inherited, take_passed};
pub use listener::{Address, Bound, Listen, ListenError, Listener, SocketAccess};
pub use peers::Peers;
pub use sendfile::SendFile;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, info, warn};
pub use visitor::{Page, Unanswered, Visitor};
pub use watch::Patience;

use crate::generation::Generation;
use connection::Closed;
use stream::Stream;

/// Connections at once. Further ones wait in the system's backlog. An idle one costs about 2 KiB and a descriptor.
const CONNECTIONS: usize = 8192;

/// How long to wait after an accept failed, usually because the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves with what `current` holds at the beginning of each request, until `stop`; then finishes what runs, within its
/// `patience`. Returns the number of connections that were still busy then, and that were cut.
pub async fn serve(
    listeners: Vec<Listener>,
    current: Arc<ArcSwap<Generation>>,
    stop: CancellationToken,
    patience: Patience,
) -> usize {
    let connections = TaskTracker::new();
    let acceptors = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    for listener in listeners {
        let acceptor = Acceptor {
            connections: connections.clone(),
            places: Arc::clone(&places),
            dispatch: Arc::new(listener.dispatch(Arc::clone(&current), patience)),
            stop: stop.clone(),
        };
        acceptors.spawn(acceptor.run(listener));
    }
    acceptors.close();
    acceptors.wait().await;
    connections.close();
    let drain = patience.drain;
    if timeout(drain, connections.wait()).await.is_err() {
        error!(connections = connections.len(), ?drain, "cutting connections that did not finish in time");
    }
    connections.len()
}

struct Acceptor {
    connections: TaskTracker,
    places: Arc<Semaphore>,
    dispatch: Arc<Dispatch>,
    stop: CancellationToken,
}

impl Acceptor {
    async fn run(self, mut listener: Listener) {
        while let Some(place) = self.place().await {
            tokio::select! {
                biased;
                accepted = listener.accept() => match accepted {
                    Ok(Some(stream)) => self.spawn(stream, place),
                    Ok(None) => {} // Refused.
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = self.stop.cancelled() => break,
            }
        }
        info!("stopping: no new connections");
        listener.give_up_address();
        self.accept_waiting(&mut listener);
    }

    /// A place for one more connection, or nothing when the host stops.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
            () = self.stop.cancelled() => None,
        }
    }

    /// Takes the connections that were made before the address was given up: their clients expect an answer.
    fn accept_waiting(&self, listener: &mut Listener) {
        for _ in 0..CONNECTIONS {
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
            match listener.accept_waiting() {
                Ok(Some(stream)) => self.spawn(stream, place),
                Ok(None) => {} // Refused.
                Err(_) => return,
            }
        }
    }

    fn spawn(&self, stream: Stream, place: OwnedSemaphorePermit) {
        let (dispatch, stop) = (Arc::clone(&self.dispatch), self.stop.clone());
        match stream {
            Stream::Unix(stream) => self.connections.spawn(connection(stream, dispatch, stop, place)),
            Stream::Tcp(stream) => self.connections.spawn(connection(stream, dispatch, stop, place)),
        };
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
