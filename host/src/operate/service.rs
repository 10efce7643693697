//! The process from its first moment to its last, as whoever starts it sees it.

use std::{
    fs::File,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use thiserror::Error;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info, level_filters::LevelFilter, warn};

use super::{
    daemon, journal,
    keeper::keeper,
    log::{LogFile, LogFileError},
    notify::{Notify, NotifyError},
    options::Written,
    pidfile::{PidFile, PidFileError},
    title,
};
use crate::{
    serve::{Page, Probe},
    wall::{Access, Grant, Wall},
};

/// The process, which may be one in the background.
#[derive(Debug)]
pub struct Service {
    written: Written,
    notify: Notify,
    log: Option<LogFile>,
    /// Standard error as it was before the log file took its place, in the foreground.
    terminal: Option<File>,
    detached: bool,
}

/// Where the service runs.
#[derive(Debug)]
pub enum Begun {
    /// In this process.
    Here(Box<Service>),
    /// In the background, or nowhere; this process ends with that code.
    Elsewhere(ExitCode),
}

/// What is this process's for as long as it runs.
#[derive(Debug)]
pub struct Claims {
    _pidfile: Option<PidFile>,
}

/// The process cannot run as it is wished.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// Its log cannot be written.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// Its pid file is not its own.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// systemd cannot be told.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// It cannot go to the background.
    #[error("--daemon: {0}")]
    Daemon(io::Error),
    /// Whoever started it does not want that.
    #[error("--daemon: a web server started this host, and ends it by itself; leave it in the foreground")]
    Spawned,
    /// It cannot be replaced.
    #[error("--upgrade: a web server started this host, and replaces it by itself; leave it out")]
    Upgrade,
    /// It cannot have that name.
    #[error("--pname {0}: {1}")]
    Name(String, io::Error),
}

impl Service {
    /// Begins it: in the background, if that is wished, which returns when it serves there. Must come first: nothing is open yet
    /// that must not be there twice.
    ///
    /// A process that has a keeper is neither: the keeper is in the background, and has the pid file.
    pub fn begin(mut written: Written, is_spawned: bool) -> Result<Begun, ServiceError> {
        if is_spawned && written.upgrade {
            return Err(ServiceError::Upgrade);
        }
        if keeper().is_some() {
            written.daemon = false;
            written.upgrade = false;
            written.pidfile = None;
        }
        let name = written.pname.as_deref().filter(|name| !name.is_empty());
        if written.daemon && is_spawned {
            return Err(ServiceError::Spawned);
        }
        let detached = written.daemon && daemon::is_detached();
        match name {
            _ if detached => daemon::leave_session().map_err(ServiceError::Daemon)?,
            name if written.daemon => {
                return daemon::begin(name).map(Begun::Elsewhere).map_err(ServiceError::Daemon);
            }
            // A web server's program is found beside its settings, by its own name.
            Some(name) if !is_spawned => {
                title::begin_as(name).map_err(|error| ServiceError::Name(name.into(), error))?;
            }
            _ => {}
        }
        if let Some(name) = name {
            title::set(name);
        }
        let notify = Notify::from_env()?;
        let (log, terminal) = written.log_file.as_deref().map(LogFile::open).transpose()?.unzip();
        // What a process in the background fails of, its caller says.
        let terminal = terminal.filter(|_| !detached);
        Ok(Begun::Here(Box::new(Self { written, notify, log, terminal, detached })))
    }

    /// What is logged, where the environment does not say it.
    pub fn level(&self) -> LevelFilter {
        if self.written.quiet == Some(true) { LevelFilter::WARN } else { LevelFilter::INFO }
    }

    /// Takes what the process needs for itself, and lets `wall` leave it within reach.
    pub fn claim(&self, wall: &mut Wall) -> Result<Claims, ServiceError> {
        self.written.notes().for_each(|note| warn!("{note}"));
        if self.detached && self.log.is_none() {
            warn!("from now on, nothing of what is logged is kept: there is no --log-file");
        }
        let pidfile = self.written.pidfile.as_deref().map(PidFile::hold).transpose()?;
        let user = wall.identity.as_ref().map(|identity| identity.user);
        if let Some((folder, owner)) = pidfile.as_ref().and_then(PidFile::folder) {
            // Where the user may not remove files anyway, the wall need not let it.
            let removes = user.is_none_or(|user| user == owner);
            let grant = Grant { path: folder.to_owned(), access: Access::Remove };
            wall.grants.extend(removes.then_some(grant));
        }
        if let Some(log) = &self.log {
            if let Some(identity) = &wall.identity {
                log.give_to(identity.user, identity.group)?;
            }
            wall.grants.push(Grant { path: log.folder().to_owned(), access: Access::Append });
        }
        Ok(Claims { _pidfile: pidfile })
    }

    /// Whether this process is to keep the sockets of another one, which can be replaced.
    pub fn is_keeper(&self) -> bool {
        self.written.upgrade
    }

    /// Takes what a keeper needs for itself.
    pub fn claim_as_keeper(&self) -> Result<Claims, ServiceError> {
        let pidfile = self.written.pidfile.as_deref().map(PidFile::hold).transpose()?;
        Ok(Claims { _pidfile: pidfile })
    }

    /// The pages to ask for before the host is ready.
    pub fn pages(&self) -> &[Page] {
        self.written.pages()
    }

    /// Tells whoever waits for it that the host serves.
    pub fn ready(&self) -> Result<(), ServiceError> {
        self.notify.ready();
        if self.detached {
            daemon::ready(self.log.is_some()).map_err(ServiceError::Daemon)?;
        }
        Ok(())
    }

    /// systemd, or nobody.
    pub fn notify(&self) -> &Notify {
        &self.notify
    }

    /// Says why there is no host, or not any more, to all who may listen.
    pub fn failed(&self, reason: &str) {
        if self.detached {
            daemon::failed(reason);
        }
        // Not with `eprintln`: they may be pipes that nobody reads any more.
        if let Some(mut terminal) = self.terminal.as_ref() {
            let _ = writeln!(terminal, "{reason}");
        }
        if self.log.is_some() || !self.detached {
            let _ = writeln!(io::stderr(), "{}", journal::error(reason));
        }
    }

    /// Opens the log file anew on SIGUSR1, by which those who have moved it away ask for that.
    pub fn reopen_on_signal(self: &Arc<Self>) -> io::Result<()> {
        let mut received = signal(SignalKind::user_defined1())?;
        let service = Arc::clone(self);
        tokio::spawn(async move {
            while received.recv().await.is_some() {
                service.reopen_log();
            }
        });
        Ok(())
    }

    /// Opens the log file anew, on SIGUSR1.
    pub(super) fn reopen_log(&self) {
        match self.log.as_ref().map(LogFile::reopen) {
            Some(Ok(())) => info!("SIGUSR1: the log goes on here"),
            Some(Err(error)) => error!("SIGUSR1: the log goes on in the old file: {error}"),
            None => warn!("SIGUSR1: nothing to open anew, there is no --log-file"),
        }
    }

    /// Tells systemd for as long as requests are answered, where it wants to know: a page is asked for, and whatever the answer
    /// says, it shows that one was made.
    pub fn watch(self: &Arc<Self>, probe: Probe) {
        let Some(every) = self.notify.watchdog() else { return };
        let page = self.pages().first().cloned().unwrap_or_else(Page::front);
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let mut times = interval(every.max(Duration::from_millis(1)));
            times.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                times.tick().await;
                match probe.ask("HEAD", &page).await {
                    Ok(_status) => service.notify.alive(),
                    Err(error) => error!("systemd is not told that the host lives: {error}"),
                }
            }
        });
    }
}
