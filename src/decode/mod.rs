//! From the bytes of a log file or object to CloudTrail records.
//!
//! [`gunzip`] inflates under limits, [`split`] finds the records in the text, [`record`] says what a record is and
//! when it happened, [`seen`] remembers ids, [`name`] and [`notice`] say which names and messages lead to logs. Nothing
//! here reads or waits: bytes come in, [`Block`]s go out, so the same code serves files, objects and messages.

pub mod buffer;
mod damage;
pub mod gunzip;
pub mod name;
pub mod notice;
pub mod record;
pub mod seen;
pub mod split;

use buffer::Text;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::ops::Range;
use thiserror::Error;

/// A piece of a log's text and the records in it.
#[derive(Debug, Default)]
pub struct Block {
    /// The log's own text, or a part of it.
    pub text: Text,
    /// The records, in the order of the log.
    pub records: Vec<Found>,
    /// What could not be read.
    pub skips: Skips,
}

/// Where a record stands in its block's text, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The record's bytes.
    pub range: Range<usize>,
    /// Nanoseconds since the Unix epoch; `None` when the record does not say.
    pub time_ns: Option<u64>,
    /// How many event ids were new up to this record and with it, see [`seen::Seen::count`].
    pub ids: u64,
}

/// Why something was not given to Falco.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The gzip data are damaged.
    CorruptGzip,
    /// The gzip data end too early.
    TruncatedGzip,
    /// The file inflates to far more than log text does.
    InflatesTooMuch,
    /// The text ends inside a record.
    EndsInRecord,
    /// A record's JSON is broken.
    MalformedRecord,
    /// Text between records is no JSON.
    NotJson,
    /// A record is larger than allowed.
    RecordTooLarge,
    /// A record is nested deeper than allowed.
    RecordTooDeep,
    /// An item of `Records` is no object.
    NotAnObject,
    /// `Records` is no array.
    RecordsNotAnArray,
    /// An object that is no CloudTrail event.
    NotAnEvent,
    /// A digest file, which holds no events.
    Digest,
    /// No event in far more text than one may have.
    NoEvents,
    /// A summary of events that does not say when they happened.
    NoTimeWindow,
    /// Nothing at all.
    Empty,
    /// The file could not be opened or read.
    Unreadable,
    /// A message that is none of those that lead to events.
    UnknownMessage,
    /// A message is larger than allowed.
    MessageTooLarge,
    /// A message names more than it may.
    TooManyObjects,
    /// A message names an object whose key or bucket nothing in S3 can have.
    ImpossibleObject,
    /// A message names an object in a bucket that is not allowed.
    ForeignBucket,
    /// An object that is no log.
    NotALog,
    /// An object that does not exist any more.
    Gone,
    /// An object that may not be read.
    Denied,
    /// An object that could not be read for now.
    Unreachable,
    /// An object that was read before.
    ReadBefore,
    /// A fault of this plugin.
    Internal,
}

/// What is known about every [`Cause`]: its metric's name and its text in logs.
pub const CAUSES: &[(Cause, &CStr, &str)] = &[
    (Cause::CorruptGzip, c"skipped_corrupt_gzip", "corrupt gzip data, the rest of the file is lost"),
    (Cause::TruncatedGzip, c"skipped_truncated_gzip", "truncated gzip data, the file is not complete"),
    (
        Cause::InflatesTooMuch,
        c"skipped_inflates_too_much",
        "inflates too much, the rest is not read; see limits.inflateRatio and limits.inflatedMiB",
    ),
    (Cause::EndsInRecord, c"skipped_ends_in_record", "the text ends inside a record"),
    (Cause::MalformedRecord, c"skipped_malformed_record", "malformed JSON in a record"),
    (Cause::NotJson, c"skipped_not_json", "text that is not JSON"),
    (Cause::RecordTooLarge, c"skipped_record_too_large", "a record larger than limits.recordMiB"),
    (Cause::RecordTooDeep, c"skipped_record_too_deep", "a record nested deeper than limits.depth"),
    (Cause::NotAnObject, c"skipped_not_an_object", "a record that is not an object"),
    (Cause::RecordsNotAnArray, c"skipped_records_not_an_array", "Records is not an array"),
    (Cause::NotAnEvent, c"skipped_not_an_event", "an object that is not a CloudTrail event"),
    (Cause::Digest, c"skipped_digest", "a digest file, which holds no events"),
    (
        Cause::NoEvents,
        c"skipped_no_events",
        "no event in 64 times as much text as limits.recordMiB, the rest is not read",
    ),
    (Cause::NoTimeWindow, c"skipped_no_time_window", "an aggregated event without a time window"),
    (Cause::Empty, c"skipped_empty", "no records in it"),
    (Cause::Unreadable, c"skipped_unreadable", "cannot be read"),
    (Cause::UnknownMessage, c"skipped_unknown_message", "a message that leads to no event"),
    (Cause::MessageTooLarge, c"skipped_message_too_large", "a message larger than limits.messageKiB"),
    (Cause::TooManyObjects, c"skipped_too_many_objects", "a message that names more than limits.messageObjects"),
    (Cause::ImpossibleObject, c"skipped_impossible_object", "an object that S3 cannot have"),
    (Cause::ForeignBucket, c"skipped_foreign_bucket", "an object in a bucket that sqsAllowedBuckets does not name"),
    (Cause::NotALog, c"skipped_not_a_log", "an object that is not a log"),
    (Cause::Gone, c"skipped_gone", "an object that does not exist any more"),
    (Cause::Denied, c"skipped_denied", "may not be read"),
    (Cause::Unreachable, c"skipped_unreachable", "could not be read for now, it comes again"),
    (Cause::ReadBefore, c"skipped_read_before", "an object that was read before"),
    (Cause::Internal, c"skipped_internal", "an internal fault, please report it"),
];

const _: () = assert!(CAUSES.len() == Cause::Internal as usize + 1, "a row for every cause");

impl Cause {
    /// Returns whether a log with this fault was not read to its end, so that reading it again may give more.
    pub fn is_damage(self) -> bool {
        match self {
            Self::CorruptGzip
            | Self::TruncatedGzip
            | Self::InflatesTooMuch
            | Self::EndsInRecord
            | Self::NotJson
            | Self::Unreadable
            | Self::NoEvents
            | Self::UnknownMessage
            | Self::MessageTooLarge
            | Self::TooManyObjects
            | Self::ImpossibleObject
            | Self::ForeignBucket
            | Self::Denied
            | Self::Unreachable
            | Self::Internal => true,
            Self::MalformedRecord
            | Self::RecordTooLarge
            | Self::RecordTooDeep
            | Self::NotAnObject
            | Self::RecordsNotAnArray
            | Self::NotAnEvent
            | Self::Digest
            | Self::NoTimeWindow
            | Self::Empty
            | Self::NotALog
            | Self::Gone
            | Self::ReadBefore => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = CAUSES.iter().find(|(cause, ..)| cause == self).map_or("", |(_, _, text)| text);
        f.write_str(text)
    }
}

/// Something that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Why.
    pub cause: Cause,
    /// The byte in the log's text, or in the file for damage to the gzip data, where it starts or was noticed.
    pub at: Option<u64>,
    /// What else is known, such as the operating system's error.
    pub detail: Option<String>,
}

/// A fault of reading whose cause is known; as an [`io::Error`] it comes out of a log's reader.
#[derive(Debug, Error)]
#[error("{detail}")]
pub struct ReadFault {
    /// Why.
    pub cause: Cause,
    /// What else is known, one line, perhaps empty.
    pub detail: String,
}

impl From<io::Error> for Skip {
    fn from(error: io::Error) -> Self {
        let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<ReadFault>());
        let detail = Some(error.to_string()).filter(|detail| !detail.is_empty());
        Self { cause: fault.map_or(Cause::Unreadable, |fault| fault.cause), at: None, detail }
    }
}

/// What was skipped in one block: every one is counted, the first of each cause are kept.
///
/// Hostile input can hold millions of faults, so what is kept is bounded.
#[derive(Debug, Default)]
pub struct Skips {
    /// The ones that are kept.
    pub kept: Vec<Skip>,
    /// How many there were of each cause.
    pub counts: BTreeMap<Cause, u64>,
    /// Events that were left out since their ids had been delivered before.
    pub duplicates: u64,
}

impl Skips {
    /// How many of one cause are kept in a block.
    const KEPT: u64 = 8;

    /// Notes a skip.
    pub fn add(&mut self, cause: Cause, at: Option<u64>, detail: Option<String>) {
        let count = self.counts.entry(cause).or_default();
        *count += 1;
        if *count <= Self::KEPT {
            self.kept.push(Skip { cause, at, detail });
        }
    }

    /// Returns whether nothing was skipped.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.duplicates == 0
    }
}
