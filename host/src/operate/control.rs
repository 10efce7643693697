//! The control socket: commands over HTTP on a Unix socket of the host's user alone, and those who send them.
//!
//! `GET /status`, `POST /reload?weight=PERCENT&sticky=true`, `POST /promote`, `POST /rollback`; answers are JSON.

use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::sleep,
};
use tracing::{debug, info, warn};

use super::{Command, Operator, report::Report};
use crate::{
    reload::Done,
    serve::{Bound, Trial},
};

/// Who send commands at once: some operators, and what looks at the status every now and then.
const CONNECTIONS: usize = 16;

/// How long one may take to say what it wants.
const HEAD: Duration = Duration::from_secs(5);

/// How long to wait after an accept failed, usually because the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of an answer: those about ten thousand sites fit.
const ANSWER: usize = 16 << 20;

/// What a command has done, or why it did nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Why nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The number of the generation that was loaded, or that serves again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The share of requests that it answers, where that is not all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// What has changed, a line each.
    #[serde(default)]
    pub changes: Vec<String>,
    /// Settings that have changed since the start, and that only a restart puts into force.
    #[serde(default)]
    pub takes_restart: Vec<String>,
}

/// A command that could not be sent, or whose answer did not come.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Nobody is there.
    #[error("no host takes commands at {}: {error}; does it run, and with these settings?", socket.display())]
    Connect {
        /// Where it should be.
        socket: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It broke off.
    #[error("the host at {} did not answer: {reason}", socket.display())]
    Answer {
        /// Where it is.
        socket: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// Takes commands at a Unix socket, until the host stops. `report` says how it goes.
pub async fn serve(bound: Bound, operator: Operator, report: impl Fn() -> Report + Send + Sync + 'static) {
    let Some((listener, path)) = bound.into_unix() else { return };
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return warn!(%error, "no commands are taken"),
    };
    let server = operator.reload.server().clone();
    let (places, report) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(report));
    let accept = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (operator, report) = (operator.clone(), Arc::clone(&report));
                    server.run_beside(async move {
                        talk(stream, &operator, &*report).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!(%error, "cannot accept a connection to the control socket");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    server.stopping().run_until_cancelled(accept).await;
    server.give_up(path);
}

async fn talk(stream: UnixStream, operator: &Operator, report: &impl Fn() -> Report) {
    let service = hyper::service::service_fn(async |request| {
        Ok::<_, Infallible>(answer(&request, operator, report).await)
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        debug!(%error, "control socket");
    }
}

async fn answer(
    request: &Request<Incoming>,
    operator: &Operator,
    report: &impl Fn() -> Report,
) -> Response<Full<Bytes>> {
    let command = match (request.method(), request.uri().path()) {
        (&Method::GET, "/status") => return json(StatusCode::OK, &report()),
        (&Method::POST, "/reload") => match trial(request.uri().query().unwrap_or_default()) {
            Ok(trial) => Command::Reload(trial),
            Err(error) => return json(StatusCode::BAD_REQUEST, &Answer::failed(error)),
        },
        (&Method::POST, "/promote") => Command::Promote,
        (&Method::POST, "/rollback") => Command::RollBack,
        (method, path) => {
            let told = format!(
                "there is no {method} {path}; there are GET /status and POST /reload, /promote, /rollback"
            );
            return json(StatusCode::NOT_FOUND, &Answer::failed(told));
        }
    };
    info!(?command, "control socket");
    match operator.carry_out(command).await {
        Ok(done) => json(StatusCode::OK, &Answer::from(done)),
        Err(error) => json(StatusCode::CONFLICT, &Answer::failed(error)),
    }
}

/// Reads `weight=PERCENT&sticky=true`.
fn trial(query: &str) -> Result<Option<Trial>, String> {
    let mut trial = None;
    let mut sticky = false;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("weight", weight)) => trial = Some(self::weight(weight)?),
            Some(("sticky", "true")) => sticky = true,
            Some(("sticky", "false")) => sticky = false,
            _ => return Err(format!("{pair}: there are weight=PERCENT and sticky=true")),
        }
    }
    match (trial, sticky) {
        (None, true) => Err("sticky: it goes with a weight".into()),
        (weight, sticky) => Ok(weight.map(|weight| Trial { weight, sticky })),
    }
}

/// Reads the share of a trial.
pub fn weight(text: &str) -> Result<u8, String> {
    let weight = text.trim_end_matches('%').parse().ok().filter(|weight| (1..100).contains(weight));
    weight.ok_or_else(|| format!("{text:?} is not a share between 1 and 99 percent"))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    // Names and numbers can always be written.
    let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

impl Answer {
    fn failed(error: impl Into<String>) -> Self {
        let (changes, takes_restart) = (Vec::new(), Vec::new());
        Self { error: Some(error.into()), generation: None, weight: None, changes, takes_restart }
    }
}

impl From<Done> for Answer {
    fn from(Done { generation, trial, changes, left_out }: Done) -> Self {
        let weight = trial.map(|trial| trial.weight);
        Self { error: None, generation: Some(generation), weight, changes, takes_restart: left_out }
    }
}

/// Asks the host at `socket` how it goes.
pub async fn status(socket: &Path) -> Result<Report, ControlError> {
    ask(socket, Method::GET, "/status").await
}

/// Has the host at `socket` carry out a command; waits until it has.
pub async fn command(socket: &Path, command: Command) -> Result<Answer, ControlError> {
    let uri = match command {
        Command::Reload(None) => "/reload".to_owned(),
        Command::Reload(Some(Trial { weight, sticky })) => format!("/reload?weight={weight}&sticky={sticky}"),
        Command::Promote => "/promote".to_owned(),
        Command::RollBack => "/rollback".to_owned(),
    };
    ask(socket, Method::POST, &uri).await
}

async fn ask<T: DeserializeOwned>(socket: &Path, method: Method, uri: &str) -> Result<T, ControlError> {
    let failed = |reason: String| ControlError::Answer { socket: socket.to_owned(), reason };
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| ControlError::Connect { socket: socket.to_owned(), error })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let request = Request::builder().method(method).uri(uri).header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).map_err(|error| failed(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
    let body = Limited::new(response.into_body(), ANSWER).collect().await;
    let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
    connection.abort();
    serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials() {
        let check = |query: &str, expected: Option<Option<(u8, bool)>>| {
            let read = trial(query).ok();
            assert_eq!(
                read.map(|trial| trial.map(|trial| (trial.weight, trial.sticky))),
                expected,
                "{query}"
            );
        };
        check("", Some(None));
        check("weight=10", Some(Some((10, false))));
        check("weight=10%&sticky=true", Some(Some((10, true))));
        check("sticky=false", Some(None));
        for wrong in ["weight=0", "weight=100", "weight=", "sticky=true", "sticky=1", "weights=10"] {
            check(wrong, None);
        }
    }
}
