//! Measures the way from a log's bytes to records: inflating, splitting, both, beside a plain copy of the text.
#![allow(missing_docs, reason = "criterion's macros make functions without docs")]

mod events;

use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use cloudtrail::decode::gunzip::{LogText, Piece};
use cloudtrail::decode::seen::Seen;
use cloudtrail::decode::split::{RecordLimits, Splitter};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use events::Events;
use flate2::{Compression, write::GzEncoder};

const LOG_BYTES: usize = 64 << 20;
const LIMITS: RecordLimits = RecordLimits { bytes: 16 << 20, depth: 1000 };

/// What the plugin remembers unless it is told otherwise.
const IDS: usize = 262_144;

fn log() -> (String, usize) {
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
    (text, count)
}

/// Inflates a log and returns the length of its text.
fn inflate(file: &[u8]) -> usize {
    let mut log = LogText::new(file, 0);
    let mut length = 0;
    while let Piece::Text(text) = log.next_piece() {
        length += text.len();
    }
    length
}

/// Splits a log that comes in pieces and returns how many records it has.
fn split(pieces: impl Iterator<Item = Vec<u8>>, ids: usize) -> usize {
    let (mut splitter, mut seen) = (Splitter::new(LIMITS), Seen::new(ids));
    let records: usize = pieces.map(|piece| splitter.push(piece, &mut seen).records.len()).sum();
    records + splitter.finish(None, &mut seen).records.len()
}

fn pieces_of(file: &[u8]) -> Vec<Vec<u8>> {
    pieces(LogText::new(file, 0)).collect()
}

fn pieces(mut log: LogText<&[u8]>) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || match log.next_piece() {
        Piece::Text(text) => Some(text),
        Piece::End(_) => None,
    })
}

fn decode(criterion: &mut Criterion) {
    let (text, count) = log();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let gzip = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    assert_eq!(inflate(&gzip), text.len());
    let text = text.as_bytes();
    assert_eq!(split(pieces_of(text).into_iter(), IDS), count);

    let mut group = criterion.benchmark_group("decode 64 MiB");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let mut copy = vec![0; text.len()];
    group.bench_function("memcpy", |bench| bench.iter(|| black_box(&mut copy).copy_from_slice(black_box(text))));
    group.bench_function("gunzip", |bench| bench.iter(|| inflate(black_box(&gzip))));
    for (name, ids) in [("split", IDS), ("split, no ids remembered", 0)] {
        group.bench_function(name, |bench| {
            bench.iter_batched(
                || pieces_of(text),
                |pieces| split(black_box(pieces).into_iter(), ids),
                BatchSize::PerIteration,
            );
        });
    }
    group.bench_function("gunzip and split", |bench| {
        bench.iter(|| split(pieces(LogText::new(black_box(&gzip[..]), 0)), IDS));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10);
    targets = decode
}
criterion_main!(benches);
