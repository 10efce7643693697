//! Waiting for what a handler writes, with a look at what is held back for more of it.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// Waits until `poll` is ready; with some patience, only until the handler had one more turn and that is over, and then gives
/// nothing.
pub(super) async fn next<T>(
    patience: Option<Duration>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let mut had_a_turn = false;
    // In a place of its own: hardly any response needs it.
    let mut end: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|context| match (poll(context), patience) {
        (Poll::Ready(ready), _) => Poll::Ready(Some(ready)),
        (Poll::Pending, None) => Poll::Pending,
        (Poll::Pending, Some(_)) if !had_a_turn => {
            had_a_turn = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
        (Poll::Pending, Some(Duration::ZERO)) => Poll::Ready(None),
        (Poll::Pending, Some(patience)) => {
            let end = end.get_or_insert_with(|| Box::pin(sleep(patience)));
            end.as_mut().poll(context).map(|()| None)
        }
    })
    .await
}
