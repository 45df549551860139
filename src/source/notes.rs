//! What the background work of a source has to tell: lines for the log and counts. It writes nothing itself, since
//! only Falco's thread may call the log; that thread takes the notes with it when it asks for events.

use crate::printable::{LINE, printable};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many lines wait at most; of the ones that come when there are more, only their number is told.
const WAITING: usize = 1000;

/// The topic whose lines are all written: what they tell of is gone.
pub const GIVEN_UP: &str = "given up";

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
    /// Messages received, each time that one is.
    pub messages: Count,
    /// Messages deleted since their events were delivered or they lead to none.
    pub messages_deleted: Count,
    /// Messages that were not read and left in the queue.
    pub messages_left: Count,
    /// Messages that could not be read and were deleted at last.
    pub messages_given_up: Count,
    /// Calls to AWS that were repeated since they failed, beyond the repetitions that the SDK makes by itself.
    pub retries: Count,
}

impl Notes {
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
}
