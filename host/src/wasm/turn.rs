//! Waiting for what a handler writes, with a look at what is held back for more of it.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

/// Waits until `poll` is ready; with `impatient`, only until the handler had one more turn, and then gives nothing.
pub(super) async fn next<T>(impatient: bool, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let mut had_a_turn = false;
    poll_fn(|context| match poll(context) {
        Poll::Ready(ready) => Poll::Ready(Some(ready)),
        Poll::Pending if impatient && had_a_turn => Poll::Ready(None),
        Poll::Pending => {
            if impatient {
                had_a_turn = true;
                context.waker().wake_by_ref();
            }
            Poll::Pending
        }
    })
    .await
}
