//! Measures the way from a log's bytes to records, beside the fastest libraries that inflate the same log and a plain
//! copy of its text.
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault ends a bench and is seen")]

mod events;

use std::hint::black_box;
use std::io::{Cursor, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cloudtrail::decode::Skip;
use cloudtrail::decode::buffer::Buffers;
use cloudtrail::decode::gunzip::{InflateLimits, LogText, Piece};
use cloudtrail::decode::seen::Seen;
use cloudtrail::decode::split::RecordLimits;
use cloudtrail::feed::{Feed, FeedLimits, Next};
use cloudtrail::source::Log;
use criterion::{Criterion, Throughput};
use events::Events;
use flate2::{Compression, Decompress, FlushDecompress, Status, write::GzEncoder};

const LOG_BYTES: usize = 256 << 20;

/// How the plugin reads unless it is told otherwise.
const LIMITS: FeedLimits = FeedLimits {
    in_flight_bytes: 64 << 20,
    record: RecordLimits { bytes: 16 << 20, depth: 1000 },
    inflate: InflateLimits { ratio: 400, bytes: 0 },
};

/// What the plugin remembers unless it is told otherwise.
const IDS: usize = 262_144;

/// A log in memory.
struct Memory(Arc<[u8]>);

impl Log for Memory {
    fn name(&self) -> String {
        "memory".into()
    }

    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
        Ok(Box::new(Cursor::new(Arc::clone(&self.0))))
    }
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10)
        .configure_from_args();
    decode(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn decode(criterion: &mut Criterion) -> Result<()> {
    let (text, count) = log();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&text)?;
    let gzip: Arc<[u8]> = encoder.finish()?.into();
    let mut copy = vec![0; text.len()];
    for (what, length) in [
        ("libdeflate", libdeflate(&gzip, &mut copy)?),
        ("zlib-rs", zlib_rs(&gzip, &mut copy[..PIECE])?),
        ("the plugin", gunzip(&gzip)),
    ] {
        ensure!(length == text.len(), "{what} inflates to {length} bytes, not {}", text.len());
    }
    for log in [&text, &gzip] {
        let found = records(log)?;
        ensure!(found == count, "{found} records, not {count}");
    }

    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("memcpy", |bench| bench.iter(|| black_box(&mut copy).copy_from_slice(black_box(&text))));
    group.bench_function("libdeflate", |bench| bench.iter(|| libdeflate(black_box(&gzip), &mut copy)));
    group.bench_function("zlib-rs", |bench| bench.iter(|| zlib_rs(black_box(&gzip), &mut copy[..PIECE])));
    group.bench_function("gunzip", |bench| bench.iter(|| gunzip(black_box(&gzip))));
    group.bench_function("records of text", |bench| bench.iter(|| records(black_box(&text))));
    group.bench_function("records of gzip", |bench| bench.iter(|| records(black_box(&gzip))));
    group.finish();
    Ok(())
}

/// A log, and how many records it has.
fn log() -> (Arc<[u8]>, usize) {
    // Enough for the wanted size, whatever the events come to.
    let mut events = Events::new(u64::MAX);
    let mut text = String::with_capacity(LOG_BYTES + (1 << 16));
    let mut count = 0;
    text.push_str("{\"Records\":[");
    while text.len() < LOG_BYTES {
        if count > 0 {
            text.push(',');
        }
        events.append_to(&mut text);
        count += 1;
    }
    text.push_str("]}");
    (text.into_bytes().into(), count)
}

/// The room that a stream is inflated into, piece by piece.
const PIECE: usize = 256 << 10;

/// Inflates a log in one call, as fast as is known, into room that is as large as the text, and returns the length.
fn libdeflate(gzip: &[u8], text: &mut [u8]) -> Result<usize> {
    Ok(libdeflater::Decompressor::new().gzip_decompress(gzip, text)?)
}

/// Inflates a log as a stream and returns the length of its text.
fn zlib_rs(gzip: &[u8], piece: &mut [u8]) -> Result<usize> {
    let mut stream = Decompress::new_gzip(15);
    loop {
        let rest = gzip.get(stream.total_in() as usize..).context("more is read than there is")?;
        match stream.decompress(rest, piece, FlushDecompress::None)? {
            Status::StreamEnd => return Ok(stream.total_out() as usize),
            Status::BufError => bail!("the log ends in the middle"),
            Status::Ok => {}
        }
    }
}

/// Inflates a log as the plugin does, under its limits, and returns the length of the text.
fn gunzip(gzip: &[u8]) -> usize {
    let mut log = LogText::new(gzip, LIMITS.inflate, &Buffers::default());
    let mut length = 0;
    while let Piece::Text(text) = log.next_piece() {
        length += text.len();
    }
    length
}

/// Reads a log as the plugin does, on its two threads, and returns how many records it has.
fn records(log: &Arc<[u8]>) -> Result<usize> {
    let logs = std::iter::once(Box::new(Memory(Arc::clone(log))) as Box<dyn Log>);
    let feed = Feed::start(Box::new(logs), LIMITS, Seen::new(IDS))?;
    let mut count = 0;
    loop {
        match feed.next(Duration::from_secs(1)) {
            Next::Batch(batch) => count += batch.block.records.len(),
            Next::Nothing => {}
            Next::End => return Ok(count),
            Next::Failed => bail!("the log could not be read"),
        }
    }
}
