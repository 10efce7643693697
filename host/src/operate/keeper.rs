//! A process that keeps the sockets while the one that serves is replaced by a newer program.
//!
//! With `--upgrade`, the process that was started becomes the keeper: it begins the program again, which binds, raises its wall
//! and serves, and hands every socket that it binds to the keeper. On SIGUSR2 the keeper begins the program that is then at
//! its place, hands it the sockets, waits until that serves, and has the one before finish what runs. It reads nothing of
//! what comes over the sockets, so that it can stay outside of the wall: a process behind it could not start another program.

use std::{
    env,
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::PathBuf,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tracing::{error, info, warn};

use super::{journal, service::Service};
use crate::serve::{Hand, Handed, Word};

/// Tells a process that it has a keeper, at the other end of its standard input.
const MARK: &str = "FCGI_WASM_HOST_KEPT";

/// The signals that the one that serves is to have.
const PASSED_ON: [(Signal, SignalKind); 5] = [
    (Signal::TERM, SignalKind::terminate()),
    (Signal::INT, SignalKind::interrupt()),
    (Signal::HUP, SignalKind::hangup()),
    (Signal::USR1, SignalKind::user_defined1()),
    (Signal::USR2, SignalKind::user_defined2()),
];

/// The way to the keeper of this process, if it has one.
pub fn keeper() -> Option<Hand> {
    env::var_os(MARK)?;
    io::stdin().as_fd().try_clone_to_owned().ok().map(Hand::new)
}

/// Something that the keeper has to do with.
enum Event {
    Signal(Signal),
    /// What the process of that number says.
    Said(u32, Word),
    /// It has ended.
    Ended(u32, ExitStatus),
}

/// A process that serves, or is to.
struct Server {
    id: u32,
    hand: Hand,
}

struct Keeper {
    program: PathBuf,
    sockets: Handed,
    serving: Option<Server>,
    /// The one that is to take its place.
    next: Option<Server>,
    events: Sender<Event>,
    stopping: bool,
}

/// Keeps the sockets of a process that serves, until that ends; its own `service` is told when requests are answered.
pub fn keep(service: &Service) -> io::Result<ExitCode> {
    // Where it is now: after it was replaced, the system would name the file that is no more.
    let program = env::current_exe()?;
    let (events, happened) = channel();
    pass_on_signals(&events)?;
    let mut keeper =
        Keeper { program, sockets: Handed::default(), serving: None, next: None, events, stopping: false };
    keeper.begin()?;
    Ok(keeper.run(&happened, service))
}

impl Keeper {
    fn run(&mut self, happened: &Receiver<Event>, service: &Service) -> ExitCode {
        // It holds a sender itself, so that there is always something to come.
        while let Ok(event) = happened.recv() {
            match event {
                Event::Signal(Signal::USR2) => self.upgrade(),
                Event::Signal(signal) => {
                    self.stopping |= signal == Signal::TERM || signal == Signal::INT;
                    if signal == Signal::USR1 {
                        service.reopen_log();
                    }
                    self.pass_on(signal);
                }
                Event::Said(_, Word::Bound(address, socket)) => self.sockets.put(address, socket),
                Event::Said(_, Word::Unbound(address)) => drop(self.sockets.remove(&address)),
                Event::Said(id, Word::Ready) => {
                    if self.ready(id)
                        && let Err(error) = service.ready()
                    {
                        error!("{error}");
                    }
                }
                Event::Said(..) => {}
                Event::Ended(id, status) => {
                    if let Some(code) = self.ended(id, status) {
                        return code;
                    }
                }
            }
        }
        ExitCode::FAILURE
    }

    /// Begins the program that is at its place now.
    fn begin(&mut self) -> io::Result<()> {
        let (hand, theirs) = Hand::pair()?;
        let mut arguments = env::args_os();
        let mut command = Command::new(&self.program);
        if let Some(own) = arguments.next() {
            command.arg0(own);
        }
        let child = command
            .args(arguments)
            .env(MARK, "yes")
            // The keeper is the service, and talks to whoever started that.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .stdin(theirs)
            // With `--daemon`, whoever gave the command waits for the end of what this is.
            .stdout(Stdio::null())
            .spawn()?;
        let id = child.id();
        self.sockets.give_all(&hand)?;
        self.listen(id, hand.clone())?;
        self.await_end(child)?;
        self.next = Some(Server { id, hand });
        Ok(())
    }

    fn upgrade(&mut self) {
        if self.next.is_some() || self.stopping {
            return warn!("SIGUSR2: not now, another one begins or ends just now");
        }
        info!(program = %self.program.display(), "SIGUSR2: beginning the program anew");
        if let Err(error) = self.begin() {
            error!(%error, "not upgraded, what served before serves on");
        }
    }

    /// The next one serves: the one before finishes. Returns whether it is the first.
    fn ready(&mut self, id: u32) -> bool {
        if self.next.as_ref().is_none_or(|next| next.id != id) {
            return false;
        }
        let before = self.serving.take();
        self.serving = self.next.take();
        let Some(before) = before else { return true };
        info!(process = id, before = before.id, "upgraded");
        if let Err(error) = before.hand.say(&Word::Leave) {
            warn!(process = before.id, %error, "it does not listen, and may have ended");
        }
        false
    }

    /// The keeper's own exit code, when nothing serves any more.
    fn ended(&mut self, id: u32, status: ExitStatus) -> Option<ExitCode> {
        if self.next.as_ref().is_some_and(|next| next.id == id) {
            self.next = None;
            if self.serving.is_some() {
                error!(process = id, %status, "not upgraded, what served before serves on");
                return None;
            }
        } else if self.serving.as_ref().is_none_or(|serving| serving.id != id) {
            info!(process = id, %status, "the one before has ended");
            return None;
        }
        if !self.stopping && !status.success() {
            let reason = format!("fcgi-wasm-host: the process that serves has ended: {status}");
            let _ = writeln!(io::stderr(), "{}", journal::error(&reason));
        }
        let signal = status.signal().and_then(|signal| u8::try_from(128 + signal).ok());
        let code = status.code().and_then(|code| u8::try_from(code).ok()).or(signal);
        Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }

    fn pass_on(&self, signal: Signal) {
        for server in self.serving.iter().chain(&self.next) {
            let pid = i32::try_from(server.id).ok().and_then(Pid::from_raw);
            // One that has ended meanwhile is heard of soon.
            let _ = pid.map(|pid| kill_process(pid, signal));
        }
    }

    fn listen(&self, id: u32, hand: Hand) -> io::Result<()> {
        let events = self.events.clone();
        thread::Builder::new().name("hear".into()).spawn(move || {
            while let Ok(Some(word)) = hand.hear() {
                if events.send(Event::Said(id, word)).is_err() {
                    break;
                }
            }
        })?;
        Ok(())
    }

    fn await_end(&self, mut child: Child) -> io::Result<()> {
        let events = self.events.clone();
        thread::Builder::new().name("wait".into()).spawn(move || {
            let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(1 << 8));
            // If nobody listens, the keeper itself has ended.
            let _ = events.send(Event::Ended(child.id(), status));
        })?;
        Ok(())
    }
}

/// Takes part in what signals mean from now on.
fn pass_on_signals(events: &Sender<Event>) -> io::Result<()> {
    let (events, (begun, begins)) = (events.clone(), channel());
    let listen = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let streams = PASSED_ON.map(|(number, kind)| signal(kind).map(|stream| (number, stream)));
        let streams = streams.into_iter().collect::<io::Result<Vec<_>>>()?;
        drop(inside);
        // Whoever waits for it is there.
        let _ = begun.send(());
        let mut heard = JoinSet::new();
        for (number, mut stream) in streams {
            let events = events.clone();
            let hear = async move {
                while stream.recv().await.is_some() && events.send(Event::Signal(number)).is_ok() {}
            };
            heard.spawn_on(hear, runtime.handle());
        }
        runtime.block_on(heard.join_all());
        Ok::<_, io::Error>(())
    };
    let thread = thread::Builder::new().name("signals".into()).spawn(listen)?;
    match begins.recv() {
        Ok(()) => Ok(()),
        Err(_) => thread.join().unwrap_or_else(|_| Err(io::Error::other("no signals can be handled"))),
    }
}
