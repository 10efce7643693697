//! A handler, run by the library itself, on folders of the machine.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use fcgi_wasm_host::{
    body,
    capability::{Access, Mount, Senses},
    request::Variables,
    trust::Trust,
    wasm::{
        Cache, Compiler, Engine, Fault, Folders, Grants, Handler, Invocation, Limits, Module, Modules,
        Quotas, Respond, Reuse, Stderr,
    },
};
use http::{Request, response::Parts, uri::Scheme};
use tempfile::TempDir;
use tests::{guest, paths};

/// Instances at once; no story has more.
const INSTANCES: u32 = 4;

/// A folder with what a story needs, and everything that runs handlers.
pub(crate) struct Sandbox {
    modules: Modules,
    folder: TempDir,
}

/// What a handler is given.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) mounts: Vec<Mount>,
    pub(crate) quotas: Quotas,
    pub(crate) reuse: Reuse,
}

impl Sandbox {
    /// With those files, each with its path as its content.
    pub(crate) fn new(files: &[&str]) -> Self {
        Self::with_instances(INSTANCES, files)
    }

    /// The same, with room for so many instances.
    pub(crate) fn with_instances(instances: u32, files: &[&str]) -> Self {
        let engine = Engine::new(instances, Limits::default().memory).expect("an engine");
        let cache = Cache::open(&paths::cache(), u64::MAX).expect("a cache");
        let modules = Modules::new(engine, cache, Compiler::Here);
        let sandbox = Self { modules, folder: tempfile::tempdir().expect("a folder") };
        for file in files {
            let path = sandbox.at(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, file).expect("a file");
        }
        sandbox
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// What a file holds; nothing if there is none.
    pub(crate) fn content(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    /// A mount of a folder, at its own name.
    pub(crate) fn mount(&self, folder: &str, access: Access, hidden: &[&str]) -> Mount {
        let name = Path::new(folder).file_name().and_then(|name| name.to_str()).unwrap_or("all");
        let hidden = hidden.iter().map(|&name| name.to_owned()).collect();
        Mount { host: self.at(folder), guest: format!("/{name}"), access, hidden }
    }

    /// The handler that does what its requests say.
    pub(crate) fn intruder(&self, mounts: &[Mount], quotas: Quotas) -> Handler {
        self.handler(guest::INTRUDER, Given { mounts: mounts.to_vec(), quotas, reuse: Reuse::default() })
    }

    /// A handler that is given that.
    pub(crate) fn handler(&self, guest: &str, given: Given) -> Handler {
        let Given { mounts, quotas, reuse } = given;
        let folders = Folders::open(&mounts).expect("folders").with_quotas(quotas);
        let wasm = fs::read(paths::component(guest)).expect("a component");
        let module = Module { name: guest.to_owned(), wasm: Cow::Owned(wasm) };
        let grants = Grants {
            folders,
            environment: [].into(),
            arguments: Vec::new(),
            outbound: None,
            senses: Senses::default(),
            limits: Limits::default(),
            reuse,
        };
        self.modules.link(&module, None).and_then(|linked| linked.handler(grants)).expect("a handler")
    }
}

/// What comes of each line of a script.
pub(crate) fn run(handler: &Handler, script: &[&str]) -> Result<Vec<String>, Fault> {
    let text = answer(handler, invocation("/", &script.join("\n"), &Stderr::within(1 << 20)))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// What a handler answers at a path.
pub(crate) fn get(handler: &Handler, path: &str) -> Result<String, Fault> {
    get_with(handler, path, &Stderr::within(1 << 20))
}

/// The same, with what it writes to its standard error.
pub(crate) fn get_with(handler: &Handler, path: &str, stderr: &Stderr) -> Result<String, Fault> {
    answer(handler, invocation(path, "", stderr))
}

/// Asks for what never ends, and gives up.
pub(crate) fn give_up(handler: &Handler, path: &str) {
    let work = async {
        let mut answer = Answer::default();
        let asked = handler.invoke(invocation(path, "", &Stderr::within(1 << 20)), &mut answer);
        tokio::time::timeout(Duration::from_millis(20), asked).await
    };
    runtime().block_on(work).expect_err("no end");
}

fn answer(handler: &Handler, invocation: Invocation) -> Result<String, Fault> {
    let mut answer = Answer::default();
    runtime().block_on(handler.invoke(invocation, &mut answer))?;
    Ok(String::from_utf8(answer.0).expect("text"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn invocation(path: &str, content: &str, stderr: &Stderr) -> Invocation {
    let (writer, body) = body::channel(Some(content.len() as u64));
    writer.push(content.to_owned().into());
    writer.finish();
    let mut request = Request::new(body);
    *request.uri_mut() = format!("http://localhost{path}").parse().expect("a URI");
    let variables = Variables::new([("REQUEST", path)].into_iter().collect(), Trust::default());
    Invocation { request, scheme: Scheme::HTTP, variables, stderr: stderr.clone() }
}

/// Runs a script of the lines before the arrows, and expects what is behind them.
pub(crate) fn check(handler: &Handler, table: &str) {
    let rows = table.lines().map(str::trim).filter(|line| !line.is_empty());
    let rows: Vec<_> = rows.map(|row| row.split_once(" ->").expect("an arrow")).collect();
    let script: Vec<_> = rows.iter().map(|(line, _)| line.trim()).collect();
    let came = run(handler, &script).expect("an answer");
    assert_eq!(came.len(), rows.len(), "{came:?}");
    for ((line, expected), came) in rows.iter().zip(came) {
        assert_eq!(came, expected.trim(), "{line}");
    }
}

#[derive(Default)]
struct Answer(Vec<u8>);

impl Respond for Answer {
    fn head(&mut self, _head: &Parts) -> Result<(), Fault> {
        Ok(())
    }

    async fn body(&mut self, piece: bytes::Bytes) -> Result<(), Fault> {
        self.0.extend(piece);
        Ok(())
    }

    fn patience(&self) -> Option<Duration> {
        None
    }

    async fn flush(&mut self) {}
}
