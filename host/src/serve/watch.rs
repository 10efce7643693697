//! A connection's clock: who owes what for how long, and when a host that stops may close it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use thiserror::Error;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long an idle connection is still served after the host was told to stop: a request that is already under way
/// to it is answered.
const LAST_CALL: Duration = Duration::from_millis(250);

/// How long the host waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the whole head of a request, however it trickles in. Web servers send it in one write.
    pub head: Duration,
    /// For any progress of a body that is half sent, or of a response that is unread.
    pub stall: Duration,
    /// When it stops, for all that runs.
    pub drain: Duration,
}

/// What the web server owes at this moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Owed {
    /// The rest of a request's head.
    pub(super) head: bool,
    /// The rest of a body.
    pub(super) body: bool,
    /// Reading what was sent to it.
    pub(super) reading: bool,
}

/// What it owed for too long.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
pub(super) enum Stalled {
    #[error("did not finish the head of a request within {0:?}; raise --head-timeout if it needs longer")]
    Head(Duration),
    #[error("sent nothing of an unfinished request body for {0:?}; raise --stall-timeout if it needs longer")]
    Body(Duration),
    #[error("read nothing of a response for {0:?}; raise --stall-timeout if it needs longer")]
    Response(Duration),
}

pub(super) struct Watch {
    patience: Patience,
    owed: Owed,
    head_since: Option<Instant>,
    last_read: Instant,
    last_write: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    stopping: Stopping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    /// Idle when the host was told to stop.
    LastCall(Instant),
    /// Closes as soon as nothing runs.
    Now,
}

impl Watch {
    pub(super) fn new(patience: Patience, stop: CancellationToken) -> Self {
        let now = Instant::now();
        Self {
            patience,
            owed: Owed::default(),
            head_since: None,
            last_read: now,
            last_write: now,
            timer: None,
            stop: Box::pin(stop.cancelled_owned()),
            stopping: Stopping::No,
        }
    }

    pub(super) fn read(&mut self) {
        self.last_read = Instant::now();
    }

    pub(super) fn wrote(&mut self) {
        self.last_write = Instant::now();
    }

    /// A request began: a host that stops answers it and closes then.
    pub(super) fn began(&mut self) {
        if self.stopping != Stopping::No {
            self.stopping = Stopping::Now;
        }
    }

    pub(super) fn owed(&mut self, owed: Owed) {
        if !owed.head {
            self.head_since = None;
        } else if self.head_since.is_none() {
            self.head_since = Some(self.last_read);
        }
        self.owed = owed;
    }

    /// Whether the host stops and the connection need not wait for another request.
    pub(super) fn is_over(&self) -> bool {
        match self.stopping {
            Stopping::No => false,
            Stopping::LastCall(until) => until <= Instant::now(),
            Stopping::Now => true,
        }
    }

    /// Ready when it is time to look again: at `until`, when something is owed for too long, or when the host stops.
    pub(super) fn poll(&mut self, until: Option<Instant>, idle: bool, context: &mut Context<'_>) -> Poll<()> {
        if self.stopping == Stopping::No && self.stop.as_mut().poll(context).is_ready() {
            self.stopping = if idle { Stopping::LastCall(Instant::now() + LAST_CALL) } else { Stopping::Now };
            return Poll::Ready(());
        }
        let last_call = match self.stopping {
            Stopping::LastCall(until) => Some(until),
            Stopping::No | Stopping::Now => None,
        };
        let limits = self.limits().into_iter().map(|(at, _)| at);
        let Some(at) = limits.chain([until, last_call]).flatten().min() else { return Poll::Pending };
        self.sleep(at, context)
    }

    /// An error when something is owed for too long.
    pub(super) fn verdict(&self) -> Result<(), Stalled> {
        let now = Instant::now();
        for (at, stalled) in self.limits() {
            if at.is_some_and(|at| at <= now) {
                return Err(stalled);
            }
        }
        Ok(())
    }

    fn limits(&self) -> [(Option<Instant>, Stalled); 3] {
        let Owed { head: _, body, reading } = self.owed;
        let Patience { head, stall, drain: _ } = self.patience;
        [
            (self.head_since.map(|since| since + head), Stalled::Head(head)),
            (body.then_some(self.last_read + stall), Stalled::Body(stall)),
            (reading.then_some(self.last_write + stall), Stalled::Response(stall)),
        ]
    }

    fn sleep(&mut self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        // One that rings too early only makes the connection look once more.
        if timer.deadline() > at || timer.is_elapsed() {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const HEAD: Duration = Duration::from_secs(30);
    const STALL: Duration = Duration::from_mins(1);

    fn watch(stop: &CancellationToken) -> Watch {
        Watch::new(Patience { head: HEAD, stall: STALL, drain: STALL }, stop.clone())
    }

    fn check(owed: Owed, after: Duration, expected: Option<Stalled>) {
        let mut watch = watch(&CancellationToken::new());
        watch.last_read -= after;
        watch.last_write -= after;
        watch.owed(owed);
        assert_eq!(watch.verdict().err(), expected, "{owed:?} after {after:?}");
    }

    #[tokio::test]
    async fn what_is_owed_has_its_time() {
        let nothing = Owed::default();
        let second = Duration::from_secs(1);
        check(nothing, 100 * STALL, None);
        check(Owed { head: true, ..nothing }, HEAD.saturating_sub(second), None);
        check(Owed { head: true, ..nothing }, HEAD, Some(Stalled::Head(HEAD)));
        check(Owed { body: true, ..nothing }, STALL.saturating_sub(second), None);
        check(Owed { body: true, ..nothing }, STALL, Some(Stalled::Body(STALL)));
        check(Owed { reading: true, ..nothing }, STALL, Some(Stalled::Response(STALL)));
    }

    #[tokio::test]
    async fn a_head_that_trickles_in_has_no_more_time() {
        let mut watch = watch(&CancellationToken::new());
        watch.last_read -= HEAD;
        watch.owed(Owed { head: true, ..Owed::default() });
        watch.read();
        watch.owed(Owed { head: true, ..Owed::default() });
        assert_eq!(watch.verdict(), Err(Stalled::Head(HEAD)));
    }

    #[tokio::test]
    async fn a_stopping_host_closes_what_is_busy_after_its_answer_and_what_is_idle_after_a_last_call() {
        for (idle, over) in [(false, true), (true, false)] {
            let stop = CancellationToken::new();
            let mut watch = watch(&stop);
            stop.cancel();
            assert!(watch.poll(None, idle, &mut Context::from_waker(Waker::noop())).is_ready());
            assert_eq!(watch.is_over(), over);
            watch.began();
            assert!(watch.is_over());
        }
    }
}
