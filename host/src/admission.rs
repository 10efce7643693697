//! How many requests run at once, and how many may wait for their turn.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// Who may run, and who waits how long.
#[derive(Debug)]
pub struct Admission {
    permits: Semaphore,
    waiting: AtomicUsize,
    terms: Terms,
}

/// The terms of an [`Admission`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Requests that run at once.
    pub instances: usize,
    /// Requests that may wait for one of them to end.
    pub queue: usize,
    /// How long each of these waits.
    pub patience: Duration,
}

/// A request that found no place.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Full {
    /// No place in the queue either.
    #[error(
        "all {instances} instances are busy and {queue} requests wait already; raise --instances or --queue"
    )]
    Queue {
        /// Requests that run at once.
        instances: usize,
        /// Requests that may wait.
        queue: usize,
    },
    /// The wait was in vain.
    #[error("all {instances} instances stayed busy for {patience:?}; raise --instances or --queue-wait")]
    Patience {
        /// Requests that run at once.
        instances: usize,
        /// How long this one waited.
        patience: Duration,
    },
}

impl Admission {
    /// Opens with all places free.
    pub fn new(terms: Terms) -> Self {
        Self { permits: Semaphore::new(terms.instances), waiting: AtomicUsize::new(0), terms }
    }

    /// Takes a place, which is free again when the permit is dropped. Waits within the terms.
    pub async fn enter(&self) -> Result<SemaphorePermit<'_>, Full> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let Terms { instances, queue, patience } = self.terms;
        let Some(_place) = Place::take(&self.waiting, queue) else {
            return Err(Full::Queue { instances, queue });
        };
        match timeout(patience, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Full::Patience { instances, patience }),
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

    fn admission(queue: usize) -> Admission {
        Admission::new(Terms { instances: 1, queue, patience: Duration::from_millis(1) })
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_request_ends() {
        let admission = admission(0);
        let first = admission.enter().await.expect("a free place");
        assert_eq!(admission.enter().await.err(), Some(Full::Queue { instances: 1, queue: 0 }));
        drop(first);
        assert!(admission.enter().await.is_ok());
    }

    #[tokio::test]
    async fn waiting_ends() {
        let admission = admission(1);
        let _first = admission.enter().await.expect("a free place");
        let expected = Full::Patience { instances: 1, patience: Duration::from_millis(1) };
        assert_eq!(admission.enter().await.err(), Some(expected));
        assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
    }
}
