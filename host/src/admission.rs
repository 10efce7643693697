//! How many requests run at once, and how many may wait for their turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// The doors that a request goes through before it runs: its route's, its site's, the host's. It has a place behind each of
/// them while it runs, so that one site's requests wait at their own door and not in the way of others.
#[derive(Debug, Clone)]
pub struct Admission(Vec<Arc<Door>>);

/// Lets so many requests in at once.
#[derive(Debug)]
pub struct Door {
    whose: String,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    terms: Terms,
}

/// The terms of a [`Door`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Requests that run at once.
    pub instances: usize,
    /// Requests that may wait for one of them to end.
    pub queue: usize,
    /// How long each of these waits.
    pub patience: Duration,
}

/// The places of a request that runs; free again when this is dropped.
#[derive(Debug)]
pub struct Permit<'a>([Option<SemaphorePermit<'a>>; DOORS]);

/// The doors of one request, at most.
const DOORS: usize = 3;

/// A request that found no place.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Full {
    /// No place in the queue either.
    #[error(
        "all {instances} instances of {whose} are busy and {queue} requests wait already; raise instances or queue"
    )]
    Queue {
        /// Of what: the host, a site, a route.
        whose: String,
        /// Requests that run at once.
        instances: usize,
        /// Requests that may wait.
        queue: usize,
    },
    /// The wait was in vain.
    #[error(
        "all {instances} instances of {whose} stayed busy for {patience:?}; raise instances or queue-wait"
    )]
    Patience {
        /// Of what: the host, a site, a route.
        whose: String,
        /// Requests that run at once.
        instances: usize,
        /// How long this one waited.
        patience: Duration,
    },
}

impl Admission {
    /// Goes through these doors, one after the other. Those behind the third are left out.
    pub fn through(doors: impl IntoIterator<Item = Arc<Door>>) -> Self {
        Self(doors.into_iter().take(DOORS).collect())
    }

    /// Takes a place behind every door. Waits within the terms of each.
    pub async fn enter(&self) -> Result<Permit<'_>, Full> {
        let mut permit = Permit([const { None }; DOORS]);
        for (place, door) in permit.0.iter_mut().zip(&self.0) {
            *place = Some(door.enter().await?);
        }
        Ok(permit)
    }
}

impl Door {
    /// A door with all places behind it free. `whose` is for messages.
    pub fn new(whose: impl Into<String>, terms: Terms) -> Self {
        let permits = Arc::new(Semaphore::new(terms.instances));
        Self { whose: whose.into(), permits, waiting: AtomicUsize::new(0), terms }
    }

    /// Another door to the same places, with another queue before it.
    #[must_use]
    pub fn with_queue(&self, queue: usize, patience: Duration) -> Self {
        let terms = Terms { queue, patience, ..self.terms };
        let permits = Arc::clone(&self.permits);
        Self { whose: self.whose.clone(), permits, waiting: AtomicUsize::new(0), terms }
    }

    /// Places that are taken.
    pub fn busy(&self) -> usize {
        self.terms.instances.saturating_sub(self.permits.available_permits())
    }

    async fn enter(&self) -> Result<SemaphorePermit<'_>, Full> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let Terms { instances, queue, patience } = self.terms;
        let whose = || self.whose.clone();
        let Some(_place) = Place::take(&self.waiting, queue) else {
            return Err(Full::Queue { whose: whose(), instances, queue });
        };
        match timeout(patience, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Full::Patience { whose: whose(), instances, patience }),
        }
    }
}

/// A place in the queue, given back by dropping it.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, queue: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < queue).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(whose: &str, instances: usize, queue: usize) -> Arc<Door> {
        Arc::new(Door::new(whose, Terms { instances, queue, patience: Duration::from_millis(1) }))
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_request_ends() {
        let admission = Admission::through([door("the host", 1, 0)]);
        let first = admission.enter().await.expect("a free place");
        let full = Full::Queue { whose: "the host".into(), instances: 1, queue: 0 };
        assert_eq!(admission.enter().await.err(), Some(full));
        drop(first);
        assert!(admission.enter().await.is_ok());
    }

    #[tokio::test]
    async fn waiting_ends() {
        let door = door("the host", 1, 1);
        let admission = Admission::through([Arc::clone(&door)]);
        let _first = admission.enter().await.expect("a free place");
        let patience = Duration::from_millis(1);
        let full = Full::Patience { whose: "the host".into(), instances: 1, patience };
        assert_eq!(admission.enter().await.err(), Some(full));
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_full_site_leaves_places_to_others() {
        let host = door("the host", 2, 0);
        let [full, other] = ["a", "b"].map(|site| Admission::through([door(site, 1, 0), Arc::clone(&host)]));
        let _first = full.enter().await.expect("a free place");
        let refused = full.enter().await.expect_err("a full site");
        assert!(matches!(&refused, Full::Queue { whose, .. } if whose == "a"), "{refused}");
        assert!(other.enter().await.is_ok());
    }
}
