//! Handlers that export `wasi:http/handler@0.3`: one request, one fresh instance, and functions that wait.

use std::future::poll_fn;

use http::{
    HeaderValue, Request, Response,
    header::HOST,
    uri::{Authority, Scheme},
};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::component::{Accessor, InstancePre};
use wasmtime_wasi_http::{
    Error, FieldMap, WasiBody, WasiHttpView,
    p3::{
        self,
        bindings::{Service as Instance, ServicePre, http::types::ErrorCode},
    },
};

use super::{
    fault::Fault,
    http::{self as responses, Invocation, Respond},
    limits::{HANDLES, Refusal},
    sandbox::Sandbox,
    store::State,
};
use crate::body;

/// A component that exports `wasi:http/handler`, ready to run.
pub(super) struct Service {
    component: ServicePre<State>,
    sandbox: Sandbox,
}

/// What takes the response that a handler returns.
struct Outgoing {
    response: oneshot::Sender<Result<Response<WasiBody>, ErrorCode>>,
    /// Says when all of it is handed on; a handler may wait for that.
    sent: oneshot::Receiver<()>,
}

impl Service {
    /// Takes a component whose imports are linked.
    pub(super) fn new(component: InstancePre<State>, sandbox: Sandbox) -> wasmtime::Result<Self> {
        Ok(Self { component: ServicePre::new(component)?, sandbox })
    }

    /// What [`Handler::invoke`](super::Handler::invoke) promises. What the handler does after its response belongs to the
    /// request, too.
    pub(super) async fn invoke(
        &self,
        invocation: Invocation,
        respond: &mut impl Respond,
    ) -> Result<(), Fault> {
        let (response, returned) = oneshot::channel();
        let (done, sent) = oneshot::channel();
        let answered = async {
            responses::answer(returned, respond).await?;
            // Most handlers do not wait for it.
            let _ = done.send(());
            Ok(())
        };
        let (ran, answered) = tokio::join!(self.run(invocation, Outgoing { response, sent }), answered);
        // A trap is the reason for whatever is missing from the response.
        let refused = ran?;
        answered.map_err(|fault: Fault| fault.because(refused))
    }

    async fn run(&self, invocation: Invocation, outgoing: Outgoing) -> Result<Option<Refusal>, Fault> {
        let Invocation { request, scheme, variables, stderr } = invocation;
        let store = || {
            let mut store = self.sandbox.store(variables.clone(), stderr.clone());
            store.set_max_component_handles(HANDLES);
            store
        };
        let (mut store, started) = self.sandbox.start(&self.component, store).await;
        let request = incoming(store.data_mut(), request, scheme);
        let ran = match started {
            Ok(instance) => store
                .run_concurrent(async |accessor| handle(&instance, accessor, request, outgoing).await)
                .await
                .flatten(),
            Err(error) => Err(error),
        };
        ran.map_err(|error| self.sandbox.fault(&error, &store))?;
        Ok(store.data().refused())
    }
}

/// The request as the handler sees it.
fn incoming(state: &mut State, request: Request<body::Reader>, scheme: Scheme) -> p3::Request {
    let (head, body) = request.into_parts();
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
    let authority = head.uri.authority().cloned().or_else(|| Authority::try_from(host?).ok());
    let path = head.uri.path_and_query().cloned();
    let headers = FieldMap::new_immutable(state.http().hooks, head.headers);
    let body = body.map_err(|body::BrokenOff| Error::HttpRequestBodySize(None));
    // Whether the handler was content with the body concerns nobody.
    let (request, _) = p3::Request::new(head.method, Some(scheme), authority, path, headers, None, body);
    request
}

/// Hands over the response as soon as it is returned, and waits until the handler has nothing left to do.
async fn handle(
    instance: &Instance,
    accessor: &Accessor<State>,
    request: p3::Request,
    Outgoing { response, sent }: Outgoing,
) -> wasmtime::Result<()> {
    let returned = match instance.handle(accessor, request).await? {
        Ok(returned) => {
            let sent = async { sent.await.map_err(|_| Error::ConnectionTerminated) };
            Ok(accessor.with(|store| returned.into_http(store, sent))?)
        }
        Err(code) => Err(code),
    };
    // It is taken by the same request, which fails for a reason of its own where it is not.
    let _ = response.send(returned);
    poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
    Ok(())
}
