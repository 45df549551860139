//! Where logs come from. A source finds its logs and gives them in the order in which they are to be delivered; what
//! is in them is the concern of [`decode`](crate::decode), when they are read that of [`feed`](crate::feed).

mod backoff;
mod download;
pub mod files;
pub mod lookup;
mod memory;
pub mod notes;
pub mod remote;
pub mod s3;
pub mod sqs;
mod state;
mod text;

use crate::decode::{Cause, Skip};
use notes::Notes;
use remote::Background;
use std::fmt;
use std::io::Read;
use std::sync::Arc;

/// A source that has been opened.
pub struct Opened {
    /// Its logs.
    pub logs: Logs,
    /// What has to be ended besides, for a source that does not read from local files.
    pub background: Option<Background>,
    /// What is not read and was not a log to begin with.
    pub ignored: Vec<Ignored>,
    /// The ids of the events that were delivered when it ran last, as [`Seen`](crate::decode::seen::Seen) wrote them.
    pub ids: Option<Vec<u8>>,
    /// What it has to tell.
    pub notes: Arc<Notes>,
}

/// Something that is not read: its name, why, and what else is known.
pub type Ignored = (String, Cause, Option<String>);

/// A log that a source has found.
pub trait Log: Send {
    /// Returns what names the log in messages: a path or an address, without control characters.
    fn name(&self) -> String;

    /// Returns the size that counts for progress, in bytes.
    fn bytes(&self) -> u64;

    /// Opens the log. May block while data come.
    ///
    /// # Errors
    ///
    /// Says why the log is skipped.
    fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip>;

    /// Gives what the source wants to have back once the log's events were delivered. Called once.
    fn receipt(&mut self) -> Option<Receipt> {
        None
    }
}

/// The logs of a source, in order. Its `next` may block; it ends when the source is stopped.
pub type Logs = Box<dyn Iterator<Item = Box<dyn Log>> + Send>;

/// What became of a log: all of it was read, or this is why not.
pub type Verdict = Result<(), Cause>;

/// Tells a source that every event of a log was delivered. One that is dropped tells nothing: the log comes again.
pub struct Receipt(Box<dyn FnOnce(Verdict) + Send>);

impl Receipt {
    /// Makes a receipt that calls `settle`, which must not block.
    pub fn new(settle: impl FnOnce(Verdict) + Send + 'static) -> Self {
        Self(Box::new(settle))
    }

    /// Tells the source.
    pub fn settle(self, verdict: Verdict) {
        (self.0)(verdict);
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}

/// Returns text that cannot break a line of the log or hide a part of it, and is no longer than an object's address can
/// be: whoever writes logs, objects and messages chooses it.
fn printable(text: &str) -> String {
    const LONGEST: usize = 1200;
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let safe = |c| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(LONGEST).map(safe).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns the address of an object for the log.
fn address(bucket: &str, key: &str) -> String {
    printable(&format!("s3://{bucket}/{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_a_log_line() {
        assert_eq!(printable("a\n[ERROR] b\u{1b}[0m\u{202e}c é"), "a\u{fffd}[ERROR] b\u{fffd}[0m\u{fffd}c é");
        assert_eq!(printable(&"é".repeat(1201)).chars().count(), 1201);
        assert!(printable(&"é".repeat(1201)).ends_with('…'));
    }
}
