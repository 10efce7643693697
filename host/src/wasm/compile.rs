//! Components from WebAssembly to machine code, in a process that gives way to requests.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;
use tracing::info;

use super::{
    engine::{Engine, EngineError},
    handler::Module,
    preview1,
};

/// How long compiling may take. The largest interpreters take a minute on one slow processor.
const TIME: Duration = Duration::from_mins(15);

/// How often it is looked at whether the compiler has ended.
const LOOK: Duration = Duration::from_millis(5);

/// How often the log says that it has not.
const TELL: Duration = Duration::from_secs(10);

/// Bytes of what the compiler says about a component.
const SAID: u64 = 16 << 10;

/// How the program's own errors begin, on its standard error.
pub const ERROR: &str = "fcgi-wasm-host: ";

/// Where the compiler runs.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process. The memory that the compiler used stays with the process.
    Here,
    /// In a child process.
    Child(ChildCompiler),
}

/// A program that reads a component from its standard input and puts its code into the cache. It is given the component's name
/// as its last argument, and ends well only when it has done so; its standard error says what is wrong.
#[derive(Debug, Clone)]
pub struct ChildCompiler {
    /// The program.
    pub program: PathBuf,
    /// Its arguments before the name.
    pub arguments: Vec<OsString>,
    /// Variables of its environment.
    pub environment: Vec<(&'static str, String)>,
}

/// A component that cannot be compiled or kept.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The cache folder cannot be used.
    #[error("cache folder {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// The bytes are a core module that is no program.
    #[error(
        "{module}: a core module instead of a component, and not one that can be made a component: {reason}; \
         build it for wasm32-wasip2, or as a program for wasm32-wasip1"
    )]
    CoreModule {
        /// Where it came from.
        module: String,
        /// What is missing or too much.
        reason: String,
    },
    /// It is written for WASI 0.3, and this program is not.
    #[error(
        "{module}: needs WASI 0.3, which this program was built without; build it with the feature wasi-03, \
         or the module for WASI 0.2"
    )]
    Asynchronous {
        /// Where it came from.
        module: String,
    },
    /// The engine that it needs does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The bytes are not a component that this engine compiles.
    #[error("{module}: not a webassembly component that can be compiled: {reason}")]
    Component {
        /// Where it came from.
        module: String,
        /// The engine's reason.
        reason: String,
    },
    /// The compiler, in a process of its own, says what is wrong.
    #[error("{0}")]
    Said(String),
    /// The compiler's process did not end well, and did not say why.
    #[error("{module}: the process that compiles it {how}")]
    Process {
        /// Where it came from.
        module: String,
        /// What became of it, and the way out.
        how: String,
    },
}

/// The machine code of a component, made in this process.
pub(super) fn compiled(engine: &Engine, module: &Module) -> Result<Vec<u8>, CompileError> {
    let component = preview1::component(&module.wasm)
        .map_err(|reason| CompileError::CoreModule { module: module.name.clone(), reason })?;
    engine.inner().precompile_component(&component).map_err(|error| CompileError::Component {
        module: module.name.clone(),
        reason: format!("{error:#}"),
    })
}

impl ChildCompiler {
    /// Has the component's code put into the cache. It is given the very bytes that the key is of, whatever becomes of the
    /// component's file meanwhile.
    pub(super) fn run(&self, module: &Module) -> Result<(), CompileError> {
        let (name, bytes, started) = (&module.name, module.wasm.len(), Instant::now());
        info!(module = name, bytes, "compiling");
        let failed = |how: String| CompileError::Process { module: name.clone(), how };
        let program = self.program.display();
        let child =
            self.start(name).map_err(|error| failed(format!("does not start ({program}: {error})")))?;
        let (status, said) = talk(child, module, started).map_err(|error| failed(error.to_string()))?;
        let milliseconds = started.elapsed().as_millis();
        match said.lines().position(|line| line.starts_with(ERROR)) {
            _ if status.success() => {
                info!(module = name, milliseconds, "compiled");
                Ok(())
            }
            Some(line) => {
                let said: Vec<_> = said.lines().skip(line).collect();
                Err(CompileError::Said(said.join("\n").split_off(ERROR.len())))
            }
            None => Err(failed(format!("failed ({status}); is there too little memory for it?"))),
        }
    }

    fn start(&self, name: &str) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(name);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    }
}

/// Gives a compiler what it is to compile, and waits for its end; returns what it said.
fn talk(mut child: Child, module: &Module, started: Instant) -> io::Result<(ExitStatus, String)> {
    let (input, output) = (child.stdin.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            // One that ends early says why itself.
            let _ = input.map(|mut input| input.write_all(&module.wasm));
        });
        let said = scope.spawn(move || output.map(said).unwrap_or_default());
        let status = wait(&mut child, &module.name, started)?;
        Ok((status, said.join().unwrap_or_default()))
    })
}

/// The beginning of what it says; the rest is read as well, so that it does not wait for that.
fn said(output: ChildStderr) -> String {
    let mut said = Vec::new();
    let mut first = output.take(SAID);
    // It is for people: as much as can be read of it is better than nothing.
    let _ = first.read_to_end(&mut said);
    let _ = io::copy(&mut first.into_inner(), &mut io::sink());
    String::from_utf8_lossy(&said).into_owned()
}

fn wait(child: &mut Child, name: &str, started: Instant) -> io::Result<ExitStatus> {
    let mut tell = TELL;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let elapsed = started.elapsed();
        if elapsed > TIME {
            child.kill()?;
            child.wait()?;
            let told = format!("did not end within {TIME:?} and was stopped");
            return Err(io::Error::new(io::ErrorKind::TimedOut, told));
        }
        if elapsed > tell {
            info!(module = name, seconds = elapsed.as_secs(), "still compiling");
            tell += TELL;
        }
        thread::sleep(LOOK);
    }
}
