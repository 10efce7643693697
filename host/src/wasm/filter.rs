//! Handlers that export our interface `filtering`: a request and a file in, a response out.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime::component::{InstancePre, Resource};
use wasmtime_wasi::{
    WasiView,
    p2::{DynInputStream, InputStream, Pollable, StreamError},
};

use super::{
    bindings::filter::{FilterPre, exports::fcgi_wasm_host::handler::filtering},
    fault::Fault,
    http::{self, Invocation, Respond, ResponseSender},
    limits::Refusal,
    sandbox::Sandbox,
    store::State,
};
use crate::body;

/// A component that filters, ready to run.
pub(super) struct Filter {
    component: FilterPre<State>,
    sandbox: Sandbox,
}

/// The file that a filter answers with.
#[derive(Debug)]
pub struct File {
    /// When it was last changed, in seconds since 1970.
    pub last_modified: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Its bytes, which come after the request's body.
    pub content: body::Reader,
    /// Says when it begins to arrive.
    pub begun: oneshot::Receiver<()>,
}

impl Filter {
    /// Takes a component whose imports are linked.
    pub(super) fn new(component: InstancePre<State>, sandbox: Sandbox) -> wasmtime::Result<Self> {
        Ok(Self { component: FilterPre::new(component)?, sandbox })
    }

    /// What [`Handler::filter`](super::Handler::filter) promises.
    pub(super) async fn invoke(
        &self,
        invocation: Invocation,
        file: File,
        respond: &mut impl Respond,
    ) -> Result<(), Fault> {
        let File { last_modified, length, content, begun } = file;
        let input = invocation.request.body().waiting();
        let content: DynInputStream =
            Box::new(Content { reader: content, input, piece: Bytes::new(), end: None });
        let (sender, receiver) = oneshot::channel();
        let answered = async {
            // Without a file there will be no answer to it either; what remains is to see the handler fail.
            let _ = begun.await;
            http::answer(receiver, respond).await
        };
        let run = self.run(invocation, (last_modified, length, content), sender);
        let (ran, answered) = tokio::join!(run, answered);
        let refused = ran?;
        answered.map_err(|fault| fault.because(refused))
    }

    async fn run(
        &self,
        invocation: Invocation,
        (last_modified, length, content): (u64, u64, DynInputStream),
        response: ResponseSender,
    ) -> Result<Option<Refusal>, Fault> {
        let Invocation { request, scheme, variables, stderr } = invocation;
        let store = || self.sandbox.store(variables.clone(), stderr.clone());
        let (mut store, started) = self.sandbox.start(&self.component, store).await;
        let (request, outparam) = http::exchange(store.data_mut(), request, &scheme, response)?;
        let content: Resource<DynInputStream> = store
            .data_mut()
            .ctx()
            .table
            .push(content)
            .map_err(|error| Fault::Instantiate(error.to_string()))?;
        let file = filtering::File { last_modified, length, content };
        let ran = match started {
            Ok(filter) => {
                let filtering = filter.fcgi_wasm_host_handler_filtering();
                filtering.call_filter(&mut store, request, file, outparam).await
            }
            Err(error) => Err(error),
        };
        ran.map_err(|error| self.sandbox.fault(&error, &store))?;
        Ok(store.data().refused())
    }
}

/// The file as a stream.
struct Content {
    reader: body::Reader,
    /// The request's body, which comes before it.
    input: body::Waiting,
    piece: Bytes,
    end: Option<Result<(), body::BrokenOff>>,
}

impl Content {
    /// Ready when there is a piece or an end.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Nothing of the file comes while there is something before it that nobody reads.
        self.input.give_up();
        while self.piece.is_empty() && self.end.is_none() {
            match Pin::new(&mut self.reader).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => self.piece = frame.into_data().unwrap_or_default(),
                Poll::Ready(Some(Err(broken))) => self.end = Some(Err(broken)),
                Poll::Ready(None) => self.end = Some(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}

impl InputStream for Content {
    fn read(&mut self, size: usize) -> Result<Bytes, StreamError> {
        if self.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Ok(Bytes::new());
        }
        if !self.piece.is_empty() {
            return Ok(self.piece.split_to(size.min(self.piece.len())));
        }
        match self.end.replace(Ok(())) {
            Some(Err(broken)) => Err(StreamError::LastOperationFailed(broken.into())),
            Some(Ok(())) | None => Err(StreamError::Closed),
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Content {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }
}
