//! Where logs come from. Each source finds its logs and opens them one after the other; what is in them is the
//! concern of [`decode`](crate::decode), when they are read that of [`feed`](crate::feed).

pub mod files;

use std::io::{self, Read};

/// A log that a source has found.
pub trait Log: Send + 'static {
    /// Returns what names the log in messages: a path or an address, without control characters.
    fn name(&self) -> String;

    /// Returns the size that counts for progress, in bytes.
    fn bytes(&self) -> u64;

    /// Opens the log. May block while data come.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;
}
