//! Limits: the host's, the site's, the route's, each within the one before where it counts what runs at once, and in its
//! place where it is about one request.

use std::time::Duration;

use super::{
    Start,
    document::Limits,
    setting::{Errors, Setting},
    values::Size,
};
use crate::{
    admission::Terms,
    capability::Quota,
    wasm::{self, Reuse},
};

/// The smallest memory limit: a component's stack and a little data.
const MIN_MEMORY: u64 = 1 << 20;

/// The largest memory limit: a 32-bit memory.
const MAX_MEMORY: u64 = 1 << 32;

/// The unit of linear memory.
const PAGE: u64 = 64 << 10;

/// Instances at once, at most: the address space for more is rarely there.
const MAX_INSTANCES: usize = 10_000;

/// Instances where nothing else is said.
const INSTANCES: usize = 64;

/// The same for a host that a web server starts: it starts several, as many as it finds that it needs.
const SPAWNED_INSTANCES: usize = 8;

/// Requests that wait, where nothing else is said: as many as a burst of clients makes while a slow page is made.
const QUEUE: usize = 1024;

/// How long they wait: about as long as people do.
const QUEUE_WAIT: Duration = Duration::from_secs(10);

/// How long a handler may take: what web servers wait for, less than their usual minute.
const DEADLINE: Duration = Duration::from_secs(30);

/// Bytes of a body in either direction: more than any attachment.
const BODY: u64 = 1 << 30;

/// How long the head of a request may take: web servers send it in one write.
pub(super) const HEAD: Duration = Duration::from_secs(30);

/// How long nothing may move: web servers give their clients about as long.
pub(super) const STALL: Duration = Duration::from_mins(1);

/// How long a stopping host waits: as long as a handler may take.
pub(super) const DRAIN: Duration = Duration::from_secs(30);

/// Bytes of the cache of compiled components: some hundred of them, or a dozen interpreters.
pub(super) const CACHE: u64 = 1 << 30;

/// Bytes of standard error. Stack traces of interpreters take a few KiB; more is a handler that floods the log.
const STDERR: usize = 64 << 10;

/// The most of it that can be allowed: it is kept in memory until the request ends.
const MAX_STDERR: u64 = 16 << 20;

/// How long an instance that may serve again waits: as long as people read a page.
const IDLE: Duration = Duration::from_mins(1);

/// Limits in force at one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    /// How many requests run at once at this level, where it has a say of its own.
    pub(super) terms: Option<Terms>,
    /// What a level below has where it says nothing of its own.
    inherited: Terms,
    pub(super) memory: usize,
    pub(super) deadline: Duration,
    pub(super) max_request: u64,
    pub(super) max_response: u64,
    pub(super) max_stderr: usize,
    pub(super) write: Option<Quota>,
    pub(super) cpu: Option<Duration>,
    pub(super) reuse: Reuse,
}

/// What is not bounded, but by the room that there is.
const BOUNDLESS: u64 = i64::MAX as u64;

impl Bounds {
    /// The host's.
    pub(super) fn of_host(written: &Limits, start: Start, errors: &mut Errors) -> Self {
        let instances = match start {
            Start::Alone => INSTANCES,
            Start::Spawned => SPAWNED_INSTANCES,
        };
        let terms = Terms { instances, queue: QUEUE, patience: QUEUE_WAIT };
        let wasm::Limits { memory } = wasm::Limits::default();
        let bounds = Self {
            terms: None,
            inherited: terms,
            memory,
            deadline: DEADLINE,
            max_request: BODY,
            max_response: BODY,
            max_stderr: STDERR,
            write: None,
            cpu: None,
            reuse: Reuse { memory, idle: IDLE, ..Reuse::default() },
        };
        let terms = terms_within(terms, written, MAX_INSTANCES, errors);
        Self { terms: Some(terms), inherited: terms, ..bounds.with(written, errors) }
    }

    /// Those of a site within the host's. One that is not `alone` leaves places to the others.
    pub(super) fn of_site(&self, written: &Limits, alone: bool, errors: &mut Errors) -> Self {
        let share = (self.inherited.instances / 2).max(1);
        let instances = if alone { self.inherited.instances } else { share };
        let usual = Terms { instances, ..self.inherited };
        let terms = terms_within(usual, written, self.inherited.instances, errors);
        let own = !alone || has_terms(written);
        Self { terms: own.then_some(terms), inherited: terms, ..self.with(written, errors) }
    }

    /// Those of a route within the site's.
    pub(super) fn of_route(&self, written: &Limits, errors: &mut Errors) -> Self {
        let terms = terms_within(self.inherited, written, self.inherited.instances, errors);
        Self { terms: has_terms(written).then_some(terms), ..self.with(written, errors) }
    }

    fn reuse(&self, memory: usize, written: &Limits, errors: &mut Errors) -> Reuse {
        let requests = written.reuse.as_ref().and_then(|one| {
            errors.check(one, |number| (*number > 0).then_some(*number).ok_or_else(|| "1 or more".to_owned()))
        });
        let most = written.reuse_memory.as_ref().and_then(|one| errors.read(one));
        let idle = written.reuse_idle.as_ref().and_then(|one| errors.read(one));
        let inherited = if self.reuse.memory == self.memory { memory } else { self.reuse.memory };
        Reuse {
            requests: requests.unwrap_or(self.reuse.requests),
            memory: most.map_or(inherited, |size| usize::try_from(size.0).unwrap_or(usize::MAX)),
            idle: idle.map_or(self.reuse.idle, |time| time.0),
        }
    }

    /// With what is written about one request.
    fn with(&self, written: &Limits, errors: &mut Errors) -> Self {
        let size = |setting: &Option<Setting<Size>>, or: u64, errors: &mut Errors| {
            setting.as_ref().and_then(|one| errors.read(one)).map_or(or, |size| size.0)
        };
        let memory = written.memory.as_ref().and_then(|one| errors.check(one, |size| memory(size.0)));
        let deadline = written.deadline.as_ref().and_then(|one| errors.read(one));
        let cpu = written.cpu.as_ref().and_then(|one| errors.check(one, |time| cpu(time.0)));
        let stderr = written.max_stderr.as_ref().and_then(|one| errors.check(one, |size| stderr(size.0)));
        let memory = memory.unwrap_or(self.memory);
        Self {
            memory,
            cpu: cpu.or(self.cpu),
            max_stderr: stderr.unwrap_or(self.max_stderr),
            write: quota(self.write, (written.max_write.as_ref(), written.max_files.as_ref()), errors),
            reuse: self.reuse(memory, written, errors),
            deadline: deadline.map_or(self.deadline, |time| time.0),
            max_request: size(&written.max_request, self.max_request, errors),
            max_response: size(&written.max_response, self.max_response, errors),
            ..self.clone()
        }
    }
}

/// A quota in the place of another one, as far as it is written.
pub(super) fn quota(
    before: Option<Quota>,
    (bytes, files): (Option<&Setting<Size>>, Option<&Setting<u64>>),
    errors: &mut Errors,
) -> Option<Quota> {
    let bytes = bytes.and_then(|one| errors.read(one)).map(|size| size.0.min(BOUNDLESS));
    let files = files.and_then(|one| errors.read(one)).map(|files| (*files).min(BOUNDLESS));
    if bytes.is_none() && files.is_none() {
        return before;
    }
    let before = before.unwrap_or(Quota { bytes: BOUNDLESS, files: BOUNDLESS });
    Some(Quota { bytes: bytes.unwrap_or(before.bytes), files: files.unwrap_or(before.files) })
}

fn cpu(time: Duration) -> Result<Duration, String> {
    (time > Duration::ZERO).then_some(time).ok_or_else(|| "more than nothing".into())
}

fn stderr(bytes: u64) -> Result<usize, String> {
    let kept = usize::try_from(bytes).ok().filter(|_| bytes <= MAX_STDERR);
    kept.ok_or_else(|| "at most 16 MiB, which are kept in memory until the request ends".into())
}

fn has_terms(written: &Limits) -> bool {
    written.instances.is_some() || written.queue.is_some() || written.queue_wait.is_some()
}

fn terms_within(usual: Terms, written: &Limits, most: usize, errors: &mut Errors) -> Terms {
    let check = |instances: &usize| {
        let fits = (1..=most).contains(instances);
        fits.then_some(*instances).ok_or_else(|| format!("between 1 and {most}"))
    };
    let instances = written.instances.as_ref().and_then(|one| errors.check(one, check));
    let queue = written.queue.as_ref().and_then(|one| errors.read(one));
    let wait = written.queue_wait.as_ref().and_then(|one| errors.read(one));
    Terms {
        instances: instances.unwrap_or(usual.instances),
        queue: queue.copied().unwrap_or(usual.queue),
        patience: wait.map_or(usual.patience, |time| time.0),
    }
}

/// Rounds up to whole pages.
fn memory(bytes: u64) -> Result<usize, String> {
    let rounded = bytes.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
    match usize::try_from(rounded) {
        Ok(memory) if (MIN_MEMORY..=MAX_MEMORY).contains(&rounded) => Ok(memory),
        _ => Err("between 1 MiB and 4 GiB".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_whole_pages() {
        let check = |bytes, expected| assert_eq!(memory(bytes), expected);
        check(1 << 20, Ok(1 << 20));
        check((1 << 20) + 1, Ok((1 << 20) + (64 << 10)));
        assert!(memory(u64::MAX - 1).is_err() && memory(1 << 10).is_err());
    }

    #[test]
    fn a_level_has_what_the_one_above_it_has_unless_it_says_otherwise() {
        let mut errors = Errors::default();
        let limits = |instances: Option<usize>, queue: Option<usize>| Limits {
            instances: instances.map(|value| Setting::option("instances", value, value)),
            queue: queue.map(|value| Setting::option("queue", value, value)),
            ..Limits::default()
        };
        let host = Bounds::of_host(&limits(Some(10), Some(7)), Start::Alone, &mut errors);
        let mut check = |instances, alone, expected: Option<(usize, usize)>| {
            let site = host.of_site(&limits(instances, None), alone, &mut errors);
            assert_eq!(site.terms.map(|terms| (terms.instances, terms.queue)), expected);
        };
        check(None, true, None);
        check(None, false, Some((5, 7)));
        check(Some(3), true, Some((3, 7)));
        check(Some(10), false, Some((10, 7)));
        assert!(errors.is_empty());
        host.of_site(&limits(Some(11), None), false, &mut errors);
        assert_eq!(errors.told(), ["instances 11: between 1 and 10"]);
    }
}
