//! The state of one instance: its view of the world for one request.

use std::{
    any::Any,
    io,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    task::{Context, Poll},
};

use ::http::HeaderName;
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    filesystem::{Descriptor, WasiFilesystemCtxView},
    p2::{DynInputStream, DynOutputStream, DynPollable},
};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};
use wasmtime_wasi_io::IoView;

use super::{
    command::Program,
    errors::{Errors, Nothing, Nowhere},
    filesystem::Folders,
    guard::{Guard, Guarded},
    imports::Environment,
    limits::{Limiter, Refusal},
    outbound::{Gate, Sent},
    sandbox::Sandbox,
    senses,
};
use crate::{capability::Senses, request::Variables};

/// Bytes of all names and values of one header map, with the engine's overhead.
pub(super) const HEADER_BYTES: usize = 128 << 10;

/// Bytes of one write to a response body: one full FastCGI record.
pub(super) const CHUNK: usize = 64 << 10;

/// Writes that a response body holds before its handler waits.
const CHUNKS: usize = 4;

/// What the engine keeps beside an instance.
pub(super) struct State {
    world: World,
    http: WasiHttpCtx,
    hooks: Hooks,
    table: ResourceTable,
    pub(super) variables: Variables,
    environment: Arc<[(String, String)]>,
    pub(super) limiter: Limiter,
    guard: Option<Box<Guard>>,
}

impl State {
    pub(super) fn new(sandbox: &Sandbox, variables: Variables, stderr: Stderr) -> Self {
        let Sandbox { engine, folders, environment, outbound, senses, limits } = sandbox;
        let hooks = Hooks(outbound.clone());
        let (folders, senses) = (folders.clone(), *senses);
        let world = World { folders, senses, stderr, errors: None, program: None, seen: None };
        let environment = Arc::clone(environment);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        let mut table = ResourceTable::new();
        table.set_max_capacity(engine.handles());
        let limiter = Limiter::new(*limits);
        Self { world, http, hooks, table, variables, environment, limiter, guard: None }
    }

    /// What the instance was refused first, if anything.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.limiter.refused().or_else(|| self.guard.as_ref()?.refused())
    }

    /// The instance's files, as its mounts' rules let it see them.
    pub(super) fn guarded(&mut self) -> Guarded<'_> {
        let Self { world, table, guard, limiter, .. } = self;
        let guard = guard.get_or_insert_with(|| Box::new(Guard::new(&world.folders)));
        let fs = WasiFilesystemCtxView { ctx: world.look().filesystem(), table };
        Guarded { fs, guard, limiter }
    }

    /// The instance's files, as the engine has them, and what it may use.
    pub(super) fn files(&mut self) -> (WasiFilesystemCtxView<'_>, &mut Limiter) {
        let Self { world, table, limiter, .. } = self;
        (WasiFilesystemCtxView { ctx: world.look().filesystem(), table }, limiter)
    }

    /// Forgets the request; whether the instance has nothing left of it, as far as its handles tell.
    ///
    /// Folders may stay open, since the next request finds the same ones, and so may standard error.
    pub(super) fn rest(&mut self) -> bool {
        let Self { world, guard, table, .. } = self;
        if let Some(guard) = guard {
            guard.rest(&world.folders);
        }
        let mut streams = 0;
        let is_known = |handle: &mut (dyn Any + Send)| {
            let is_stream = handle.is::<DynOutputStream>() || handle.is::<DynInputStream>();
            streams += usize::from(is_stream);
            // What a pollable waits for is a handle too, which cannot go before it.
            is_stream
                || handle.is::<DynPollable>()
                || matches!(handle.downcast_ref(), Some(Descriptor::Dir(_)))
        };
        table.iter_mut().all(is_known) && streams == world.errors.as_ref().map_or(0, Errors::streams)
    }

    /// Begins another request.
    pub(super) fn resume(&mut self, variables: Variables, stderr: Stderr) {
        self.limiter.resume();
        self.variables = variables;
        if let Some(errors) = &self.world.errors {
            errors.turn_to(stderr.clone());
        }
        self.world.stderr = stderr;
    }

    /// Lets the instance see the world as a program does.
    pub(super) fn start(&mut self, program: Program) {
        self.world.program = Some(program);
    }

    pub(super) fn environment(&mut self) -> Environment<'_> {
        let Self { world, variables, environment: granted, .. } = self;
        Environment { variables, granted, program: world.program.as_ref() }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.world.look(), table: &mut self.table }
    }
}

/// Streams live in the table alone, so that writing a response does not make the rest of the world.
impl IoView for State {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

/// Files, clocks, random numbers: made when the handler first asks for one of them. Most requests never do, and seeding
/// the generators alone takes some three per cent of the instructions of the smallest one.
struct World {
    folders: Folders,
    senses: Senses,
    stderr: Stderr,
    errors: Option<Errors>,
    program: Option<Program>,
    seen: Option<Box<WasiCtx>>,
}

impl World {
    fn look(&mut self) -> &mut WasiCtx {
        let Self { folders, senses, stderr, errors, program, seen } = self;
        seen.get_or_insert_with(|| {
            let mut wasi = WasiCtx::builder();
            let errors = &*errors.insert(Errors::new(stderr.clone()));
            wasi.stdin(Nothing(errors.clone())).stdout(Nowhere(errors.clone())).stderr(errors.clone());
            if let Some(Program { arguments: _, stdin, stdout }) = program {
                wasi.stdin(stdin.clone()).stdout(stdout.clone());
            }
            senses::limit(&mut wasi, *senses);
            let mut wasi = wasi.build();
            *wasi.filesystem() = folders.context();
            Box::new(wasi)
        })
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// No request leaves the host, unless there is a gate for it.
struct Hooks(Option<Gate>);

/// The engine's list, which it would make again for each header.
static FORBIDDEN_HEADERS: LazyLock<Vec<HeaderName>> = LazyLock::new(|| DEFAULT_FORBIDDEN_HEADERS.into());

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        FORBIDDEN_HEADERS.contains(name)
    }

    fn send_request(
        &mut self,
        request: ::http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _finished: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        match self.0.clone() {
            Some(gate) => Box::new(gate.send(request, options)),
            None => Box::new(std::future::ready(Err(Error::HttpRequestDenied))),
        }
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    #[cfg(feature = "wasi-03")]
    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }
}

/// The standard error of one request: kept up to a limit, the rest is counted and dropped.
#[derive(Debug, Clone)]
pub struct Stderr(Arc<Mutex<Captured>>);

#[derive(Debug)]
struct Captured {
    text: Vec<u8>,
    /// How many more bytes are kept.
    room: usize,
    dropped: usize,
}

impl Stderr {
    /// Keeps up to `limit` bytes in all.
    pub fn within(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Captured { text: Vec::new(), room: limit, dropped: 0 })))
    }

    /// Takes what was written so far, with a note of what was dropped.
    pub fn take(&self) -> Vec<u8> {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = std::mem::take(&mut captured.text);
        if captured.dropped > 0 {
            let note = format!("\n[{} more bytes of standard error dropped]\n", captured.dropped);
            captured.dropped = 0;
            text.extend_from_slice(note.as_bytes());
        }
        text
    }

    pub(super) fn keep(&self, bytes: &[u8]) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, dropped) = bytes.split_at(captured.room.min(bytes.len()));
        captured.text.extend_from_slice(kept);
        captured.room -= kept.len();
        captured.dropped += dropped.len();
    }
}

impl AsyncWrite for Stderr {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.keep(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
