//! What a process writes to its standard error, line by line as it comes.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

use crate::PATIENCE;

/// The lines that a process has written so far.
#[derive(Debug, Clone)]
pub(crate) struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Keeps what comes out of `source` until it ends.
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let log = Self(Arc::default());
        let copy = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                copy.update(|log| log.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            copy.update(|log| log.ended = true);
        });
        log
    }

    /// Waits for a line with `text` in it; nothing if the log ends, or time passes, without one.
    pub(crate) fn wait_for(&self, text: &str) -> Option<String> {
        let found = |log: &Lines| log.lines.iter().find(|line| line.contains(text)).cloned();
        let log = self.wait(|log| log.ended || found(log).is_some());
        found(&log)
    }

    /// Waits for so many lines with `text` in them, and returns whether they came.
    pub(crate) fn wait_for_count(&self, text: &str, count: usize) -> bool {
        let enough = |log: &Lines| log.lines.iter().filter(|line| line.contains(text)).count() >= count;
        enough(&self.wait(|log| log.ended || enough(log)))
    }

    /// Waits for the end of the log, and returns whether it came.
    pub(crate) fn wait_for_end(&self) -> bool {
        self.wait(|log| log.ended).ended
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.0.0.lock().expect("a log").lines.join("\n")
    }

    fn wait(&self, done: impl Fn(&Lines) -> bool) -> MutexGuard<'_, Lines> {
        let (lines, changed) = &*self.0;
        let lines = lines.lock().expect("a log");
        changed.wait_timeout_while(lines, PATIENCE, |lines| !done(lines)).expect("a log").0
    }

    fn update(&self, change: impl FnOnce(&mut Lines)) {
        let (lines, changed) = &*self.0;
        change(&mut lines.lock().expect("a log"));
        changed.notify_all();
    }
}
