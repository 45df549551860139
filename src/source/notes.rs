//! What the background work of a source has to tell: lines for the log, counts and gauges. It writes nothing itself,
//! since only Falco's thread may call the log; that thread takes the notes with it when it asks for events. Counts and
//! gauges may be read on any thread at any time.

use super::memory::Memory;
use crate::aws::{AwsError, Connection, Service, Traffic};
use crate::printable::{LINE, printable};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How many lines wait at most; of the ones that come when there are more, only their number is told.
const WAITING: usize = 1000;

/// The topic of messages that are gone.
pub const GIVEN_UP: &str = "given up";

/// The topics whose lines do not repeat each other: each names something else that is read, is not, or is gone.
pub const DISTINCT: &[&str] = &["open", "regions", "denied", "refused", "integrity", GIVEN_UP];

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Events may come late.
    Warn,
    /// Events may be missing until somebody acts.
    Error,
}

/// A line for the log. Lines of one topic are limited together.
#[derive(Debug)]
pub struct Note {
    /// What it is about.
    pub topic: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The line, without control characters.
    pub text: String,
}

/// A count that background work raises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to the count.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Returns the count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that background work changes; at first it is not known.
#[derive(Debug)]
pub struct Gauge(AtomicU64);

impl Gauge {
    const UNKNOWN: u64 = u64::MAX;

    /// Sets the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Makes the value unknown.
    pub fn forget(&self) {
        self.set(Self::UNKNOWN);
    }

    /// Returns the value, `None` as long as it is not known.
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|value| *value != Self::UNKNOWN)
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self(AtomicU64::new(Self::UNKNOWN))
    }
}

/// The lines that wait.
#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<Note>,
    /// How many lines had no room.
    dropped: u64,
}

/// The notes of one source.
#[derive(Debug, Default)]
pub struct Notes {
    lines: Mutex<Lines>,
    /// Logs that were found.
    pub logs_found: Count,
    /// Bytes of these logs, as far as they are known.
    pub bytes_found: Count,
    /// Objects of S3 that were downloaded to their end.
    pub objects: Count,
    /// Messages received, each time that one is.
    pub messages: Count,
    /// Messages deleted since their events were delivered or they lead to none.
    pub messages_deleted: Count,
    /// Messages that were not read and left in the queue.
    pub messages_left: Count,
    /// Messages that could not be read and were deleted at last.
    pub messages_given_up: Count,
    /// Messages that were received and are neither deleted nor left yet.
    pub messages_in_work: Gauge,
    /// Messages that wait in the queue.
    pub queue_depth: Gauge,
    /// What was asked of AWS.
    pub traffic: Arc<Traffic>,
    /// The memory for what was fetched and Falco has not read.
    pub(super) memory: OnceLock<Memory>,
    /// When state was written last.
    kept: Mutex<Option<Instant>>,
    /// Digests of CloudTrail whose signature is good.
    pub digests_verified: Count,
    /// Logs whose hash is the one that a digest names.
    pub log_files_verified: Count,
    /// What is wrong with digests and logs.
    pub digest_faults: Count,
    /// Digests and logs that could not be verified, each time that it was tried.
    pub digest_unknowns: Count,
}

impl Notes {
    /// Makes the notes of a source that asks on a connection.
    pub(super) fn of(connection: &Connection) -> Self {
        Self { traffic: Arc::clone(connection.traffic()), ..Self::default() }
    }

    /// Counts a call to AWS that failed and is made again, and tells it.
    pub(super) fn retry(&self, service: Service, topic: &'static str, level: Level, error: &AwsError) {
        self.traffic.retry(service);
        self.say(level, topic, format!("{error}; trying again"));
    }

    /// Notes that state was written.
    pub(super) fn state_kept(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns how long ago state was written last, `None` if it was not since the source was opened.
    pub fn state_age(&self) -> Option<Duration> {
        Some(self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.elapsed())
    }

    /// Forgets what is so only as long as the source is open.
    pub fn closed(&self) {
        self.messages_in_work.forget();
        self.queue_depth.forget();
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the bytes of memory that are set apart for what was fetched and Falco has not read.
    pub fn bytes_fetched(&self) -> usize {
        self.memory.get().map_or(0, Memory::taken)
    }

    /// Adds a line, which need not be free of control characters.
    pub fn say(&self, level: Level, topic: &'static str, text: impl Into<String>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.waiting.len() < WAITING || topic == GIVEN_UP {
            lines.waiting.push(Note { topic, level, text: printable(&text.into(), LINE) });
        } else {
            lines.dropped += 1;
        }
    }

    /// Adds a warning about the start, if there is one.
    pub fn warn_of(&self, text: Option<String>) {
        if let Some(text) = text {
            self.say(Level::Warn, "open", text);
        }
    }

    /// Takes the lines that wait.
    pub fn take(&self) -> Vec<Note> {
        let lines = mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let Lines { mut waiting, dropped } = lines;
        if dropped > 0 {
            let text = format!("{dropped} lines came faster than they could be written");
            waiting.push(Note { topic: "lines", level: Level::Warn, text });
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_have_no_room_are_counted_and_what_is_gone_is_told() {
        let notes = Notes::default();
        (0..WAITING + 2).for_each(|_| notes.say(Level::Info, "retry", "again"));
        notes.say(Level::Error, GIVEN_UP, "gone");
        let taken = notes.take();
        let [.., gone, dropped] = taken.as_slice() else { panic!("{}", taken.len()) };
        assert_eq!((gone.text.as_str(), taken.len()), ("gone", WAITING + 2));
        assert_eq!(dropped.text, "2 lines came faster than they could be written");
        assert!(notes.take().is_empty());
    }

    #[test]
    fn a_gauge_is_not_known_before_it_is_set() {
        let notes = Notes::default();
        assert_eq!((notes.queue_depth.get(), notes.state_age()), (None, None));
        notes.queue_depth.set(0);
        notes.state_kept();
        assert_eq!(notes.queue_depth.get(), Some(0));
        assert!(notes.state_age().is_some_and(|age| age < Duration::from_secs(60)));
        notes.closed();
        assert_eq!((notes.queue_depth.get(), notes.state_age()), (None, None));
    }
}
