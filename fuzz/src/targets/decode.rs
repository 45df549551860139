//! A log's bytes, as the feed reads them: however they come in pieces, the same records come out of them, each of them
//! JSON within the limits, and of a log that is whole none is missing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};

use jsontext::{Index, Kind};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::choices::Choices;
use crate::decode::buffer::{Buffers, CHUNK};
use crate::decode::gunzip::{InflateLimits, LogText, Piece};
use crate::decode::seen::Seen;
use crate::decode::split::{RecordLimits, Splitter};
use crate::decode::{Block, Cause, Skip};

thread_local! {
    static BUFFERS: Buffers = Buffers::default();
    static INDEX: RefCell<Index> = RefCell::default();
}

/// The most bytes of a log, so that it takes no more than one piece and no line is too many to be read again.
const MOST: usize = 60_000;

/// One of how many texts is put into gzip members, which takes longer than all else.
const PACKED: usize = 16;

/// Reads a log.
pub fn run(input: &[u8]) {
    let log = &input[..input.len().min(MOST)];
    let mut choices = Choices::of(log);
    let (text, damage) = text_of(log, &mut choices);
    let is_gzip = log.starts_with(b"\x1f\x8b");
    if !is_gzip {
        assert!(text == log && damage.is_none(), "{damage:?}");
        if choices.below(PACKED) == 0 {
            check_members(log, &mut choices);
        }
    }
    let limits = RecordLimits { bytes: 1 << (4 + choices.below(12)), depth: 1 + choices.below(40) };
    let remembered = [0, 1, 3, 1000][choices.below(4)];
    let whole = split(limits, remembered, std::iter::once(text.as_slice()), damage.clone());
    let pieces = std::iter::repeat_with(|| 1 + choices.below(8) * choices.below(64));
    let cut = split(limits, remembered, Cuts { text: &text, pieces }, damage.clone());
    assert_eq!(cut, whole, "{limits:?}");
    if damage.is_none() {
        check_complete(&text, limits, remembered, &whole);
    }
}

/// A file that gives as many bytes at a time as the input chooses, or is interrupted.
struct Slow<'a, 'b> {
    rest: &'a [u8],
    choices: &'a mut Choices<'b>,
    was_interrupted: bool,
}

impl Read for Slow<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let may_read = std::mem::take(&mut self.was_interrupted);
        let length = match self.choices.below(16) {
            0 if !may_read => {
                self.was_interrupted = true;
                return Err(io::ErrorKind::Interrupted.into());
            }
            length @ 1..8 => length,
            _ => buffer.len(),
        };
        self.rest.read(&mut buffer[..length])
    }
}

/// Returns a log's text, and what was wrong with the log.
fn text_of(log: &[u8], choices: &mut Choices<'_>) -> (Vec<u8>, Option<Skip>) {
    // Deflate makes a thousand bytes of one.
    let limits = InflateLimits { ratio: 0, bytes: 1 << 20 };
    let buffers = BUFFERS.with(Buffers::clone);
    let mut reader = LogText::new(Slow { rest: log, choices, was_interrupted: false }, limits, &buffers);
    let mut text = Vec::new();
    loop {
        match reader.next_piece() {
            Piece::Text(piece) => {
                assert!(!piece.is_empty());
                text.extend_from_slice(&piece);
                assert!(reader.consumed() <= log.len() as u64);
                assert!(text.len() as u64 <= limits.bytes + CHUNK as u64);
            }
            Piece::End(damage) => {
                assert_eq!(reader.next_piece(), Piece::End(None), "after the end it is the end again");
                assert!(damage.is_some() || reader.consumed() == log.len() as u64);
                return (text, damage);
            }
        }
    }
}

/// Checks that text comes out of gzip members as it went in, and of members that are cut off as far as they go.
fn check_members(text: &[u8], choices: &mut Choices<'_>) {
    let (first, second) = text.split_at(choices.below(text.len() + 1));
    let mut log = [stored(first), stored(second)].concat();
    log.resize(log.len() + choices.below(3), 0);
    let (inflated, damage) = text_of(&log, choices);
    assert!(inflated == text && damage.is_none(), "{damage:?}");
    let cut = choices.below(1 << 10) % log.len();
    let (inflated, damage) = text_of(&log[..cut], choices);
    if cut >= 2 {
        assert!(text.starts_with(&inflated), "cut at {cut}");
        let is_whole = cut == stored(first).len() || cut >= stored(first).len() + stored(second).len();
        assert_eq!(damage.is_none(), is_whole, "cut at {cut}: {damage:?}");
    }
}

/// Makes a gzip member that holds a text as it is.
fn stored(text: &[u8]) -> Vec<u8> {
    let length = text.len() as u16;
    let mut crc = flate2::Crc::new();
    crc.update(text);
    [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        text,
        &crc.sum().to_le_bytes(),
        &u32::from(length).to_le_bytes(),
    ]
    .concat()
}

/// Cuts a text into pieces.
struct Cuts<'a, P> {
    text: &'a [u8],
    pieces: P,
}

impl<'a, P: Iterator<Item = usize>> Iterator for Cuts<'a, P> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = self.pieces.next()?.min(self.text.len());
        let (piece, rest) = self.text.split_at(length);
        self.text = rest;
        (length > 0).then_some(piece)
    }
}

/// What comes out of a log.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// The records and their times.
    records: Vec<(Vec<u8>, Option<u64>)>,
    counts: BTreeMap<Cause, u64>,
    /// What was skipped, but for causes of which not all are kept.
    skips: Vec<Skip>,
    duplicates: u64,
}

fn split<'a>(
    limits: RecordLimits,
    remembered: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
    damage: Option<Skip>,
) -> Outcome {
    let (mut splitter, mut seen) = (Splitter::new(limits), Seen::from_written(&[0; 16], remembered));
    let mut outcome = Outcome::default();
    for piece in pieces {
        let block = splitter.push(piece.to_vec().into(), &mut seen);
        outcome.add(&block, &seen, limits);
    }
    let block = splitter.finish(damage, &mut seen);
    outcome.add(&block, &seen, limits);
    let Outcome { skips, counts, .. } = &mut outcome;
    skips.retain(|skip| counts.get(&skip.cause).is_some_and(|count| *count <= 8));
    outcome
}

impl Outcome {
    fn add(&mut self, block: &Block, seen: &Seen, limits: RecordLimits) {
        let Block { text, records, skips } = block;
        let mut ids = 0;
        for found in records {
            let record = text.get(found.range.clone()).expect("a record lies in its text");
            assert!(record.len() <= limits.bytes, "a record of {} bytes", record.len());
            assert!((ids..=seen.count()).contains(&found.ids));
            ids = found.ids;
            INDEX.with_borrow_mut(|index| {
                let root = index.read(record, limits.depth).expect("a record is JSON within the limits");
                assert_eq!(root.kind(), Kind::Object);
            });
            self.records.push((record.to_vec(), found.time_ns));
        }
        for (cause, count) in &skips.counts {
            *self.counts.entry(*cause).or_default() += count;
        }
        self.skips.extend(skips.kept.iter().cloned());
        self.duplicates += skips.duplicates;
    }
}

/// A log as CloudTrail writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapper<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// Checks that nothing is missing of a log that a simple reader can read.
fn check_complete(text: &[u8], limits: RecordLimits, remembered: usize, outcome: &Outcome) {
    let Ok(Wrapper { records }) = serde_json::from_slice(text) else { return };
    let skipped: u64 = outcome.counts.values().sum();
    let found = outcome.records.len() as u64 + outcome.duplicates + skipped;
    assert_eq!(found, records.len().max(1) as u64, "{limits:?}: {outcome:?}");
    let mut items = records.iter().map(|record| record.get().as_bytes());
    for (record, _) in &outcome.records {
        assert!(items.any(|item| item == record), "{} is no item", String::from_utf8_lossy(record));
    }
    assert!(remembered > 0 || outcome.duplicates == 0);
}
