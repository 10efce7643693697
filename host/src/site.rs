//! One site as it is served: its routes, each with a handler and exactly what that may touch and use.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{admission::Admission, capability::Mount, route::Routes, wasm::Handler};

/// A site. Its routes share nothing with those of other sites but compiled code.
pub struct Site {
    /// What all its routes know of it.
    pub identity: Arc<Identity>,
    /// Its routes.
    pub routes: Routes<Arc<Route>>,
}

/// A site's name and figures.
#[derive(Debug, Default)]
pub struct Identity {
    /// Its name, for people.
    pub name: String,
    /// What happened there so far.
    pub figures: Figures,
}

/// How many requests there were, since the site was loaded.
#[derive(Debug, Default)]
pub struct Figures {
    /// All that were for the site.
    requests: AtomicU64,
    /// Those that were not answered by their handler, or not fully.
    failures: AtomicU64,
}

/// Which generation something is of, and whether what still runs of that must end.
#[derive(Debug, Default)]
pub struct Tenure {
    /// The generation's number: 1 for the first one since the start.
    pub number: u64,
    is_over: AtomicBool,
}

/// Requests that are answered in the same way, with the same authority.
pub struct Route {
    /// Its name, for people.
    pub name: String,
    /// Its site.
    pub site: Arc<Identity>,
    /// The generation that it is of.
    pub tenure: Arc<Tenure>,
    /// The component that answers.
    pub handler: Handler,
    /// The folders that it sees, by their places on the machine.
    pub mounts: Arc<[Mount]>,
    /// How many requests it answers at once.
    pub admission: Admission,
    /// How long it may take for one, not counting the time that it waits for the client.
    pub deadline: Duration,
    /// How much of the processor's time it may take for one, if that is bounded.
    pub cpu: Option<Duration>,
    /// How many bytes of its standard error are kept of one.
    pub max_stderr: usize,
    /// How many bytes the body of a request may have.
    pub max_request: u64,
    /// How many bytes it may send in one response.
    pub max_response: u64,
}

impl Tenure {
    /// That of the generation with this number.
    pub fn of(number: u64) -> Self {
        Self { number, is_over: AtomicBool::new(false) }
    }

    /// Ends what still runs: its time to finish has passed. Returns whether it had not been ended before.
    pub fn end(&self) -> bool {
        !self.is_over.swap(true, Ordering::Relaxed)
    }

    /// Whether what still runs must end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Figures {
    /// Counts a request.
    pub fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failure.
    pub fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of requests, and of those that failed.
    pub fn read(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }
}
