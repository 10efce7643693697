//! Log lines that a peer can cause at will, bounded in number.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// One line in this time is enough to be seen, and few enough not to fill a disk.
const PAUSE: Duration = Duration::from_secs(10);

/// Says when to write the next line.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    skipped: u64,
}

impl Seldom {
    /// Whether to write a line now, and how many were left out before it.
    pub(super) fn now(&self) -> Option<u64> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            state.skipped += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_now_and_then_says_how_many_are_missing() {
        let (told, start) = (Seldom::default(), Instant::now());
        let check = |after: Duration, expected| assert_eq!(told.at(start + after), expected, "{after:?}");
        check(Duration::ZERO, Some(0));
        check(Duration::from_secs(1), None);
        check(PAUSE.saturating_sub(Duration::from_nanos(1)), None);
        check(PAUSE, Some(2));
        check(3 * PAUSE, Some(0));
    }
}
