//! Which role a request asks for, and the requests that ask for another one than a responder's.

use std::{pin::pin, sync::Arc};

use bytes::Bytes;
use fcgi::Params;
use http::Method;
use tokio::sync::oneshot;
use tracing::warn;

use super::{
    dispatch::{Failure, Incoming, Input, conclude, invocation, within},
    outbox::Outbox,
    seldom::Seldom,
};
use crate::{
    body,
    request::{FileHead, Head, RequestError, Variables},
    site::Route,
    trust::Trust,
    wasm::{Decision, File, Invocation, Respond, Role, Stderr},
};

/// How a web server that knows no authorizers asks for one in its configuration, e.g. for nginx's `auth_request`. The
/// name is the one under which applications are told their role.
const ROLE: (&str, &[u8]) = ("FCGI_ROLE", b"AUTHORIZER");

/// What an authorizer is not told, because it speaks about a body or about who answers (FastCGI §6.3).
const NOT_FOR_AUTHORIZERS: [&str; 4] = ["CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"];

/// As what Apache's modules ask: who a client is, or whether it may.
const APACHE_ROLE: (&str, &[u8]) = ("FCGI_APACHE_ROLE", b"AUTHENTICATOR");

/// The client's password; who is told it is to check it.
const PASSWORD: &str = "REMOTE_PASSWD";

/// How an authorizer is told the name that a client gives itself.
const CLAIMED_USER: &str = "FCGI_WASM_HOST_CLAIMED_USER";

/// What is said where there is no authorizer: lighttpd takes silence for a permission, whatever ends it.
const NO_AUTHORIZER: &[u8] = b"Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n\
    There is nobody here to decide about this request.\n";

/// The role in which a request is served: a responder's may be an authorizer's by its variables, never the other way.
pub(super) fn role(incoming: &Incoming) -> Role {
    let (name, authorizer) = ROLE;
    match incoming.role {
        fcgi::Role::Authorizer => Role::Authorizer,
        fcgi::Role::Filter => Role::Filter,
        // Also where the module serves none: its response would be taken for a permission.
        fcgi::Role::Responder if incoming.params.get(name) == Some(authorizer) => Role::Authorizer,
        fcgi::Role::Responder => Role::Responder,
    }
}

/// Tells of a request in a role that the module does not have. Returns what to say besides that the role is unknown.
pub(super) fn refuse(role: Role, route: &Route, told: &Seldom) -> Bytes {
    if let Some(skipped) = told.now() {
        let exports = route.handler.exports().to_string();
        warn!(%role, exports, skipped, "the web server asks for a role that the module does not serve");
    }
    match role {
        Role::Authorizer => Bytes::from_static(NO_AUTHORIZER),
        Role::Responder | Role::Filter => Bytes::new(),
    }
}

/// A request for an authorizer.
pub(super) struct Authorize {
    variables: Variables,
    outbox: Outbox,
    waiting: body::Waiting,
}

impl Authorize {
    pub(super) fn new(incoming: Incoming, trust: Trust, route: &Route) -> Self {
        let Incoming { ticket, role: _, mut params, connection } = incoming;
        params.remove(&NOT_FOR_AUTHORIZERS);
        let variables = checked_user(params, trust);
        // It has no body: nothing of it is waited for or read.
        let (_, body) = body::channel(None);
        let head_only = variables.get("REQUEST_METHOD") == Some(Method::HEAD.as_str().as_bytes());
        let method = if head_only { Method::HEAD } else { Method::GET };
        let outbox = Outbox::new(ticket, (method, route.max_response), body.waiting(), connection);
        Self { variables, outbox, waiting: body.waiting() }
    }

    pub(super) async fn run(self, route: Arc<Route>) {
        let Self { variables, mut outbox, waiting } = self;
        let stderr = Stderr::within(route.max_stderr);
        let decided = decide(&route, &variables, &stderr, &waiting).await;
        let answered = match decided {
            Ok(decision) => say(decision, &mut outbox).await.map(|()| 0),
            Err(failure) => Err(failure),
        };
        if answered.is_err() {
            route.site.figures.count_failure();
        }
        conclude(answered, &variables, &stderr, &mut outbox).await;
    }
}

/// The variables of a question, with a `REMOTE_USER` that the web server has checked or with none. A web server that asks
/// who the client is puts the client's own claim there, and takes whatever is allowed for a proof of it.
fn checked_user(params: Params, trust: Trust) -> Variables {
    let (name, authenticator) = APACHE_ROLE;
    if params.get(name) != Some(authenticator) && params.get(PASSWORD).is_none() {
        return Variables::new(params, trust);
    }
    let claimed = params.get("REMOTE_USER").unwrap_or_default().to_vec();
    Variables::new(params, Trust { user: false, ..trust }).replace(&[(CLAIMED_USER, &claimed)])
}

async fn decide(
    route: &Route,
    variables: &Variables,
    stderr: &Stderr,
    waiting: &body::Waiting,
) -> Result<Decision, Failure> {
    let _permit = route.admission.enter().await?;
    let deciding = pin!(route.handler.authorize(variables.clone(), stderr.clone()));
    Ok(within(route, || waiting.total(), deciding).await??)
}

async fn say(decision: Decision, outbox: &mut Outbox) -> Result<(), Failure> {
    match decision {
        Decision::Allow(variables) => outbox.allow(&variables),
        Decision::Deny(head, body) => {
            outbox.head(&head)?;
            outbox.body(body).await?;
        }
    }
    Ok(())
}

/// A request for a filter.
pub(super) struct Filter {
    variables: Variables,
    head: (Result<Head, RequestError>, body::Reader),
    file: (Result<FileHead, RequestError>, body::Reader),
    begun: oneshot::Receiver<()>,
    outbox: Outbox,
}

/// The connection's end of a file, until it begins.
pub(super) struct FileWriter {
    writer: body::Writer,
    begun: oneshot::Sender<()>,
}

impl FileWriter {
    /// The file begins to arrive.
    pub(super) fn begin(self) -> body::Writer {
        // Who is not there to hear it has failed already.
        let _ = self.begun.send(());
        self.writer
    }
}

impl Filter {
    pub(super) fn new(incoming: Incoming, trust: Trust, route: &Route) -> (Input, Self) {
        let Incoming { ticket, role: _, params, connection } = incoming;
        let variables = Variables::new(params, trust);
        let head = Head::read(&variables).and_then(|head| head.within(route.max_request));
        let file_head = FileHead::read(&variables);
        let (method, length) =
            head.as_ref().map_or((Method::GET, None), |head| (head.method.clone(), head.length));
        let (body_writer, body) = body::channel(length);
        let (file_writer, file) = body::channel(file_head.as_ref().ok().map(|file| file.length));
        let (begins, begun) = oneshot::channel();
        let outbox = Outbox::new(ticket, (method, route.max_response), body.waiting(), connection);
        let file_writer = FileWriter { writer: file_writer, begun: begins };
        let input = Input { body: Some(body_writer.within(route.max_request)), file: Some(file_writer) };
        let (head, file) = ((head, body), (file_head, file));
        (input, Self { variables, head, file, begun, outbox })
    }

    pub(super) async fn run(self, route: Arc<Route>) {
        let Self { variables, head: (head, body), file: (file_head, content), begun, mut outbox } = self;
        let (stderr, waiting) = (Stderr::within(route.max_stderr), [body.waiting(), content.waiting()]);
        let answered = match (invocation(&variables, head, body, &stderr), file_head) {
            (Ok((invocation, _)), Ok(FileHead { last_modified, length })) => {
                let file = File { last_modified, length, content, begun };
                filter(&route, (invocation, file), waiting, &mut outbox).await.map(|()| 0)
            }
            (Err(error), _) | (_, Err(error)) => Err(error.into()),
        };
        if answered.is_err() {
            route.site.figures.count_failure();
        }
        conclude(answered, &variables, &stderr, &mut outbox).await;
    }
}

async fn filter(
    route: &Route,
    (invocation, file): (Invocation, File),
    waiting: [body::Waiting; 2],
    outbox: &mut Outbox,
) -> Result<(), Failure> {
    let _permit = route.admission.enter().await?;
    let filtering = pin!(route.handler.filter(invocation, file, outbox));
    let waited = || waiting.iter().map(body::Waiting::total).sum();
    Ok(within(route, waited, filtering).await??)
}
