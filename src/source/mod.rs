//! Where logs come from. A source finds its logs and gives them in the order in which they are to be delivered; what
//! is in them is the concern of [`decode`](crate::decode), when they are read that of [`feed`](crate::feed).

mod backoff;
mod download;
pub mod files;
mod hash;
pub mod lookup;
mod memory;
pub mod notes;
pub mod remote;
pub mod s3;
pub mod sqs;
mod state;
mod text;

use crate::decode::gunzip::Piece;
use crate::decode::{Cause, Skip};
use crate::printable;
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

    /// Is shown each piece of the log's text in order, and its end, for a source that has a use for them.
    fn observe(&mut self, _piece: &Piece) {}

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

/// Returns a text as a name for the log.
fn printable(text: &str) -> String {
    printable::printable(text, printable::NAME)
}

/// Returns the address of an object for the log.
fn address(bucket: &str, key: &str) -> String {
    printable(&format!("s3://{bucket}/{key}"))
}
