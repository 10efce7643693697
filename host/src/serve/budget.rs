//! How much of the processor's time a request may take.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Runs `work`, which gives way now and then, until it has used up its `budget`; then there is nothing of it. A running guest
/// gives way every 10 ms, so that it overruns by no more than that.
pub(super) async fn within<T>(budget: Duration, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut used = Duration::ZERO;
    poll_fn(|context| {
        let before = now();
        let polled = work.as_mut().poll(context);
        used += now().saturating_sub(before);
        match polled {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if used > budget => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The processor's time of this thread, which runs one thing at a time.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn only_work_is_counted() {
        let waiting = pin!(tokio::time::sleep(Duration::from_millis(30)));
        assert_eq!(within(Duration::from_millis(20), waiting).await, Some(()));
        let busy = pin!(async {
            loop {
                std::hint::black_box((0..10_000).sum::<u64>());
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(within(Duration::from_millis(20), busy).await, None::<()>);
    }
}
