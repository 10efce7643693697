//! Handlers that export `wasi:http/incoming-handler@0.2`: one request, one fresh instance, unless they are to be used again.

use std::{
    fmt::Display,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, response::Parts, uri::Scheme};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::component::{InstancePre, Resource};
use wasmtime_wasi_http::{
    Error, WasiHttpView,
    p2::{
        bindings::{
            ProxyPre,
            http::types::{ErrorCode, Scheme as WasiScheme},
        },
        body::HyperOutgoingBody,
        types::{HostIncomingRequest, HostResponseOutparam},
    },
};

use super::{
    fault::Fault,
    limits::Refusal,
    reuse::{Kept, Reuse, Shelf},
    sandbox::Sandbox,
    store::{State, Stderr},
    turn,
};
use crate::{body, request::Variables};

/// A component that exports `wasi:http/incoming-handler`, ready to run.
pub(super) struct HttpHandler {
    component: ProxyPre<State>,
    sandbox: Sandbox,
    shelf: Option<Arc<Shelf>>,
}

/// Where the engine hands over the response that a handler sets.
pub(super) type ResponseSender = oneshot::Sender<Result<::http::Response<HyperOutgoingBody>, ErrorCode>>;

/// One request for a handler.
pub struct Invocation {
    /// Method, URI, headers and body.
    pub request: Request<body::Reader>,
    /// `http` or `https`, as the web server was asked.
    pub scheme: Scheme,
    /// The CGI variables that the handler may read as its environment.
    pub variables: Variables,
    /// Takes what the handler writes to its standard error.
    pub stderr: Stderr,
}

/// Where a handler's response goes. Implementations join small pieces; `flush` sends what they hold back.
pub trait Respond: Send {
    /// The status and headers, once, before any body.
    fn head(&mut self, head: &Parts) -> Result<(), Fault>;

    /// The next piece of the body. Waits while the client is slow to take it.
    fn body(&mut self, piece: Bytes) -> impl Future<Output = Result<(), Fault>> + Send;

    /// How long what is held back may wait for more when the handler pauses; nothing where nothing is held back.
    fn patience(&self) -> Option<Duration>;

    /// Sends what is held back.
    fn flush(&mut self) -> impl Future<Output = ()> + Send;
}

impl HttpHandler {
    /// Takes a component whose imports are linked.
    pub(super) fn new(
        component: InstancePre<State>,
        sandbox: Sandbox,
        reuse: Reuse,
    ) -> wasmtime::Result<Self> {
        let shelf = Shelf::new(reuse, sandbox.engine.shelves());
        Ok(Self { component: ProxyPre::new(component)?, sandbox, shelf })
    }

    /// What [`Handler::invoke`](super::Handler::invoke) promises.
    pub(super) async fn invoke(
        &self,
        invocation: Invocation,
        respond: &mut impl Respond,
    ) -> Result<(), Fault> {
        let (sender, receiver) = oneshot::channel();
        // In their places from the beginning: `join!` would move them, with all their room.
        let (run, answer) = (pin!(self.run(invocation, sender)), pin!(answer(receiver, respond)));
        let (ran, answered) = tokio::join!(run, answer);
        // A trap is the reason for whatever is missing from the response.
        let refused = ran?;
        answered.map_err(|fault| fault.because(refused))
    }

    async fn run(&self, invocation: Invocation, response: ResponseSender) -> Result<Option<Refusal>, Fault> {
        let Invocation { request, scheme, variables, stderr } = invocation;
        let Kept { mut store, proxy, served } = self.instance(variables, stderr).await?;
        let (request, outparam) = exchange(store.data_mut(), request, &scheme, response)?;
        let ran = proxy.wasi_http_incoming_handler().call_handle(&mut store, request, outparam).await;
        ran.map_err(|error| self.sandbox.fault(&error, &store))?;
        let refused = store.data().refused();
        if let (Some(shelf), None) = (&self.shelf, refused) {
            shelf.put(Kept { store, proxy, served: served + 1 });
        }
        Ok(refused)
    }

    /// One that has served before, if one waits, or a fresh one.
    async fn instance(&self, variables: Variables, stderr: Stderr) -> Result<Kept, Fault> {
        if let Some(mut kept) = self.shelf.as_ref().and_then(|shelf| shelf.take()) {
            Sandbox::renew(&mut kept.store, variables, stderr);
            return Ok(kept);
        }
        let store = || self.sandbox.store(variables.clone(), stderr.clone());
        match self.sandbox.start(&self.component, store).await {
            (store, Ok(proxy)) => Ok(Kept { store, proxy, served: 0 }),
            (store, Err(error)) => Err(self.sandbox.fault(&error, &store)),
        }
    }
}

/// The handles of a request and of what takes the response to it.
pub(super) fn exchange(
    state: &mut State,
    request: Request<body::Reader>,
    scheme: &Scheme,
    response: ResponseSender,
) -> Result<(Resource<HostIncomingRequest>, Resource<HostResponseOutparam>), Fault> {
    let made = |error: wasmtime::Error| Fault::Instantiate(format!("{error:#}"));
    let scheme = if *scheme == Scheme::HTTPS { WasiScheme::Https } else { WasiScheme::Http };
    let request = request.map(|body| body.map_err(|body::BrokenOff| Error::HttpRequestBodySize(None)));
    let request = state.http().new_incoming_request(scheme, request).map_err(made)?;
    let outparam = state.http().new_response_outparam(response).map_err(made)?;
    Ok((request, outparam))
}

/// Hands the response on as the handler makes it.
pub(super) async fn answer<B, E>(
    response: oneshot::Receiver<Result<::http::Response<B>, E>>,
    respond: &mut impl Respond,
) -> Result<(), Fault>
where
    B: Body<Data = Bytes, Error: Display>,
    E: Display,
{
    let response = match response.await {
        Ok(Ok(response)) => response,
        Ok(Err(code)) => return Err(Fault::Refused(code.to_string())),
        Err(_) => return Err(Fault::NoResponse),
    };
    let (head, body) = response.into_parts();
    respond.head(&head)?;
    let mut body = pin!(body);
    loop {
        match turn::next(respond.patience(), |context| poll_next(body.as_mut(), context)).await {
            Some(Next::Piece(piece)) => respond.body(piece).await?,
            Some(Next::Failed(error)) => return Err(Fault::Body(error)),
            Some(Next::End) => return Ok(()),
            None => respond.flush().await,
        }
    }
}

enum Next {
    Piece(Bytes),
    Failed(String),
    End,
}

fn poll_next(
    body: Pin<&mut impl Body<Data = Bytes, Error: Display>>,
    context: &mut Context<'_>,
) -> Poll<Next> {
    body.poll_frame(context).map(|frame| match frame {
        Some(Ok(frame)) => piece(frame),
        Some(Err(error)) => Next::Failed(error.to_string()),
        None => Next::End,
    })
}

/// CGI has no trailers: they end the body and are dropped.
fn piece(frame: Frame<Bytes>) -> Next {
    frame.into_data().map_or(Next::End, Next::Piece)
}
