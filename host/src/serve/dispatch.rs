//! One request from its CGI variables to the end of its response.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use fcgi::Params;
use http::{Method, Request, StatusCode};
use thiserror::Error;
use tokio::{sync::mpsc, time::timeout_at};
use tracing::{info, warn};

use super::{
    budget,
    outbox::{Message, Outbox, Ticket},
    peers::Peers,
    redirect::{self, RedirectError},
    roles::{self, Authorize, FileWriter, Filter},
    seldom::Seldom,
    serving::{ListenerId, Reception, Serving},
    watch::Patience,
};
use crate::{
    admission::Full,
    body,
    generation::Misrouted,
    request::{self, Head, RequestError, Variables, shown},
    response::Page,
    route::{Asked, Lost},
    site::Route,
    trust::Trust,
    wasm::{Fault, Invocation, Role, Stderr},
};

/// Waiting for slow clients that is not held against a handler's deadline. A gigabyte on a slow line takes this long.
const CLIENT_TIME: Duration = Duration::from_hours(1);

/// A deadline that has all but passed is looked at again after this, not after the nanoseconds that are left of it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How often a request that takes long looks whether its generation is over.
const LOOK: Duration = Duration::from_millis(500);

/// The end of a request's standard error that goes into the log line about its failure.
const LAST_WORDS: usize = 512;

/// Bytes of a page that the host makes itself.
const ERROR_PAGE: u64 = 64 << 10;

/// Tells a handler that it may have the web server send files.
const SENDFILE: &str = "FCGI_WASM_HOST_SENDFILE";

/// Hands the requests of one listener to the generation in force.
pub(super) struct Dispatch {
    current: Arc<ArcSwap<Serving>>,
    listener: ListenerId,
    unserved: Seldom,
}

/// A request as a connection hands it over.
pub(super) struct Incoming {
    pub(super) ticket: Ticket,
    pub(super) role: fcgi::Role,
    pub(super) params: Params,
    pub(super) connection: mpsc::Sender<Message>,
}

/// Where a connection puts what comes for a request, one after the other.
pub(super) struct Input {
    /// The body; nobody takes one for an authorizer.
    pub(super) body: Option<body::Writer>,
    /// The file, for a filter.
    pub(super) file: Option<FileWriter>,
}

/// The work for a request. In its box from the beginning: it has room for all that it may come to, some kilobytes, which
/// would else be moved with it.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A request for a responder.
struct Respond {
    variables: Variables,
    head: Result<Head, RequestError>,
    body: body::Reader,
    outbox: Outbox,
}

/// Why a request was not answered by its handler, or not fully.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Misrouted(#[from] Misrouted),
    #[error(transparent)]
    Full(#[from] Full),
    #[error("the handler did not finish within its deadline of {0:?}; raise --deadline if it needs longer")]
    Deadline(Duration),
    #[error("the handler used up its {0:?} of the processor's time; raise cpu if it needs more")]
    Cpu(Duration),
    #[error(
        "generation {0} was replaced, and its time to finish has passed; raise drain-timeout if it needs longer"
    )]
    Retired(u64),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Redirect(#[from] RedirectError),
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Request(error) => error.status(),
            Self::Misrouted(Misrouted::Route(_, Lost::Method(_))) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misrouted(_) => StatusCode::NOT_FOUND,
            Self::Full(_) | Self::Retired(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Deadline(_) | Self::Cpu(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Fault(Fault::RequestBody(_)) => StatusCode::BAD_REQUEST,
            Self::Fault(fault) if fault.is_storage() => StatusCode::INSUFFICIENT_STORAGE,
            Self::Fault(_) | Self::Redirect(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// What the client is told.
    fn page(&self) -> Page<'_> {
        let allowed: &[Method] = match self {
            Self::Misrouted(Misrouted::Route(_, Lost::Method(methods))) => methods,
            _ => &[],
        };
        Page { status: self.status(), explanation: self.explanation(), allowed }
    }

    /// What has happened, with nothing about the inside.
    fn explanation(&self) -> &'static str {
        match self {
            Self::Request(RequestError::NoMethod) => "The web server sent an incomplete request.",
            Self::Request(RequestError::TooLong { .. }) => "The request is too large.",
            Self::Request(_) => "The request could not be understood.",
            Self::Misrouted(Misrouted::Route(_, Lost::Method(_))) => "This is not done with what is here.",
            Self::Misrouted(_) => "There is nothing here.",
            Self::Full(_) | Self::Retired(_) => "The server is busy. Please try again in a moment.",
            Self::Deadline(_) | Self::Cpu(_) => "The page took too long to make. Please try again later.",
            Self::Fault(Fault::RequestBody(_)) => "The request did not arrive whole.",
            Self::Fault(fault) if fault.is_storage() => "There is no room left for what was to be saved.",
            Self::Fault(_) | Self::Redirect(_) => "The page could not be made. The server's log says why.",
        }
    }
}

impl Dispatch {
    /// Serves with what `current` holds at the beginning of each request.
    pub(super) fn new(current: Arc<ArcSwap<Serving>>, listener: ListenerId) -> Self {
        Self { current, listener, unserved: Seldom::default() }
    }

    /// The peers that may connect now; nothing where the listener is no more.
    pub(super) fn peers<T>(&self, look: impl FnOnce(&Peers) -> T) -> Option<T> {
        let serving = self.current.load();
        serving.reception(self.listener).map(|reception| look(&reception.peers))
    }

    /// How long a connection that is made now waits for its web server.
    pub(super) fn patience(&self) -> Patience {
        self.current.load().patience
    }

    /// Begins a request: where its input goes, and the work, which ends with a message to the connection.
    ///
    /// Where the module does not serve the role, the error is what to say besides that.
    pub(super) fn begin(&self, incoming: Incoming) -> Result<(Input, Work), Bytes> {
        let serving = self.current.load();
        let role = roles::role(&incoming);
        let Some(reception) = serving.reception(self.listener) else {
            return Ok(nowhere(incoming, Trust::default(), Misrouted::Closed));
        };
        let route = match route(&serving, reception, &incoming.params, role) {
            Ok(route) => route,
            Err(misrouted) => return Ok(nowhere(incoming, reception.trust, misrouted)),
        };
        route.site.figures.count();
        if !route.handler.serves(role) {
            return Err(roles::refuse(role, &route, &self.unserved));
        }
        Ok(match role {
            Role::Responder => {
                let (input, task) = respond(incoming, reception, &route);
                (input, boxed(|| task.run(route)))
            }
            Role::Authorizer => {
                let task = Authorize::new(incoming, reception.trust, &route);
                (Input { body: None, file: None }, boxed(|| task.run(route)))
            }
            Role::Filter => {
                let (input, task) = Filter::new(incoming, reception.trust, &route);
                (input, boxed(|| task.run(route)))
            }
        })
    }
}

fn route(
    serving: &Serving,
    reception: &Reception,
    params: &Params,
    role: Role,
) -> Result<Arc<Route>, Misrouted> {
    let generation = serving.generation(params);
    if let Some(only) = generation.only() {
        return Ok(Arc::clone(only));
    }
    let reaches = |site: &str| reception.reaches(site);
    generation.route(&asked(params), role == Role::Authorizer, reaches).map(Arc::clone)
}

/// The work for a request that no route is for.
fn nowhere(incoming: Incoming, trust: Trust, misrouted: Misrouted) -> (Input, Work) {
    let Incoming { ticket, role: _, params, connection } = incoming;
    let variables = Variables::new(params, trust);
    let method = Head::read(&variables).map_or(Method::GET, |head| head.method);
    let (writer, body) = body::channel(None);
    let mut outbox = Outbox::new(ticket, (method, ERROR_PAGE), body.waiting(), connection);
    let work = async move {
        conclude(Err(misrouted.into()), &variables, &Stderr::within(0), &mut outbox).await;
    };
    (Input { body: Some(writer), file: None }, Box::pin(work))
}

fn respond(incoming: Incoming, reception: &Reception, route: &Route) -> (Input, Respond) {
    let Incoming { ticket, role: _, params, connection } = incoming;
    let mut variables = Variables::new(params, reception.trust);
    if reception.sendfile.is_some() {
        variables = variables.replace(&[(SENDFILE, b"on")]);
    }
    let head = Head::read(&variables).and_then(|head| head.within(route.max_request));
    let (method, length) =
        head.as_ref().map_or((Method::GET, None), |head| (head.method.clone(), head.length));
    let (writer, body) = body::channel(length);
    let writer = writer.within(route.max_request);
    let mut outbox = Outbox::new(ticket, (method, route.max_response), body.waiting(), connection);
    if let Some(form) = &reception.sendfile {
        outbox.allow_sendfile(Arc::clone(form), Arc::clone(&route.mounts));
    }
    let input = Input { body: Some(writer), file: None };
    (input, Respond { variables, head, body, outbox })
}

/// Work in a box that is there before it. What is made before its box is moved there, with all its room, empty as that is.
fn boxed<W: Future<Output = ()> + Send + 'static>(work: impl FnOnce() -> W) -> Work {
    let place = Box::new_uninit();
    let filled: Box<W> = Box::write(place, work());
    Box::into_pin(filled)
}

/// What decides about a request's way.
fn asked(params: &Params) -> Asked<'_> {
    let mut asked = Asked::default();
    let mut server_name: &[u8] = b"";
    for (name, value) in params.iter() {
        match name {
            b"FCGI_SITE" => asked.site = value,
            b"HTTP_HOST" => asked.host = value,
            b"SERVER_NAME" => server_name = value,
            b"SCRIPT_NAME" => asked.script = value,
            b"PATH_INFO" => asked.info = value,
            b"DOCUMENT_URI" => asked.document = value,
            b"REQUEST_URI" => asked.uri = value,
            b"REQUEST_METHOD" => asked.method = value,
            _ => {}
        }
    }
    asked.uri = request::path_of(asked.uri);
    if asked.host.is_empty() {
        asked.host = server_name;
    }
    asked
}

impl Respond {
    async fn run(self, route: Arc<Route>) {
        let Self { variables, head, body, mut outbox } = self;
        let stderr = Stderr::within(route.max_stderr);
        let mut answered = match invocation(&variables, head, body, &stderr) {
            Ok((invocation, waiting)) => answer(&route, invocation, &waiting, &mut outbox).await,
            Err(error) => Err(error.into()),
        };
        if answered.is_ok()
            && let Some(to) = outbox.take_redirect()
        {
            answered = Box::pin(redirect::follow(&route, (&variables, to), &stderr, &mut outbox)).await;
        }
        if answered.is_err() {
            route.site.figures.count_failure();
        }
        conclude(answered, &variables, &stderr, &mut outbox).await;
    }
}

/// Says the rest of an answer, or what stands in its place.
pub(super) async fn conclude(
    mut answered: Result<u32, Failure>,
    variables: &Variables,
    stderr: &Stderr,
    outbox: &mut Outbox,
) {
    let last_words = pass_on(stderr.take(), outbox).await;
    if let Ok(status) = answered {
        if status != 0 {
            warn_about(status, variables, &last_words);
        }
        answered = outbox.finish(status).await.map(|()| status).map_err(Failure::from);
    }
    let Err(failure) = answered else { return };
    report(&failure, variables, outbox, &last_words);
    if outbox.is_complete() {
        // Only the handler's own housekeeping failed: what it owed was said.
        let _ = outbox.finish(0).await;
    } else if outbox.has_begun() {
        outbox.break_off().await;
    } else {
        outbox.error_page(&failure.page()).await;
    }
}

/// What a handler is given, and how long it waits for the client.
pub(super) fn invocation(
    variables: &Variables,
    head: Result<Head, RequestError>,
    body: body::Reader,
    stderr: &Stderr,
) -> Result<(Invocation, body::Waiting), RequestError> {
    let Head { method, uri, headers, scheme, length: _ } = head?;
    let waiting = body.waiting();
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok((Invocation { request, scheme, variables: variables.clone(), stderr: stderr.clone() }, waiting))
}

pub(super) async fn answer(
    route: &Route,
    invocation: Invocation,
    waiting: &body::Waiting,
    outbox: &mut Outbox,
) -> Result<u32, Failure> {
    let _permit = route.admission.enter().await?;
    let invoked = pin!(route.handler.invoke(invocation, outbox));
    within(route, || waiting.total(), invoked).await?.map_err(Failure::from)
}

/// Runs `work` for as long as the route's deadline allows, not counting the time that it `waited` for the client, and for as
/// much of the processor's time.
///
/// It stays where its caller has pinned it: each function that took it by value would have room for it twice, and a request's
/// work be moved with all of that when it begins.
pub(super) async fn within<T>(
    route: &Route,
    waited: impl Fn() -> Duration,
    work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Failure> {
    match route.cpu {
        Some(budget) => {
            let metered = pin!(budget::within(budget, work));
            until(route, waited, metered).await?.ok_or(Failure::Cpu(budget))
        }
        None => until(route, waited, work).await,
    }
}

async fn until<T>(
    route: &Route,
    waited: impl Fn() -> Duration,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Failure> {
    let Route { deadline, ref tenure, .. } = *route;
    let started = Instant::now();
    let (mut now, mut until) = (started, started + deadline);
    loop {
        let look = until.min(now + LOOK);
        if let Ok(done) = timeout_at(look.into(), work.as_mut()).await {
            return Ok(done);
        }
        if tenure.is_over() {
            return Err(Failure::Retired(tenure.number));
        }
        now = Instant::now();
        if now < until {
            continue;
        }
        let end = started + deadline + waited().min(CLIENT_TIME);
        if now >= end {
            return Err(Failure::Deadline(deadline));
        }
        until = end.max(now + LOOK_AGAIN);
    }
}

/// Sends the handler's standard error to the web server and the log; returns the end of it.
async fn pass_on(stderr: Vec<u8>, outbox: &mut Outbox) -> String {
    if stderr.is_empty() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&stderr);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        // As a value, so that what a handler writes cannot pass for a line of the log.
        info!(target: "handler", stderr = ?line);
    }
    let start = text.ceil_char_boundary(text.len().saturating_sub(LAST_WORDS));
    let last_words = text[start..].trim().to_owned();
    outbox.stderr(stderr.into()).await;
    last_words
}

/// One line about a program that is not content with its own response.
fn warn_about(status: u32, variables: &Variables, last_words: &str) {
    let field = |name| shown(variables.get(name).unwrap_or_default());
    let (method, uri) = (field("REQUEST_METHOD"), field("REQUEST_URI"));
    warn!(?method, ?uri, last_words = ?last_words, "after the response: the handler exited with status {status}");
}

/// One line about a failed request, with the handler's last words.
fn report(failure: &Failure, variables: &Variables, outbox: &Outbox, last_words: &str) {
    let field = |name| shown(variables.get(name).unwrap_or_default());
    let (method, uri) = (field("REQUEST_METHOD"), field("REQUEST_URI"));
    let status = failure.status().as_u16();
    match failure {
        Failure::Request(_) | Failure::Misrouted(_) => {
            info!(?method, ?uri, status, "bad request: {failure}");
        }
        _ if outbox.is_complete() => {
            warn!(?method, ?uri, last_words = ?last_words, "after the response: {failure}");
        }
        _ if outbox.has_begun() => {
            warn!(?method, ?uri, last_words = ?last_words, "response broken off: {failure}");
        }
        _ => warn!(?method, ?uri, status, last_words = ?last_words, "request failed: {failure}"),
    }
}
