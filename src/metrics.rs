//! What the plugin counts, and how Falco names it. Counting is plain addition on Falco's thread.

use crate::decode::{CAUSES, Cause, Skips};
use crate::source::notes::Notes;
use falco_plugin::base::{Metric, MetricLabel, MetricType, MetricValue};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fmt::Write;
use std::sync::Arc;

/// The counters, apart from those of each [`Cause`].
#[derive(Debug, Default)]
pub struct Metrics {
    /// Events given to Falco.
    pub events: u64,
    /// Bytes of these events.
    pub event_bytes: u64,
    /// Logs that are done.
    pub logs: u64,
    /// Events left out since they had been delivered before.
    pub duplicates: u64,
    /// Events without a readable time, which got the time of reading.
    pub untimed: u64,
    /// What was skipped.
    pub skipped: BTreeMap<Cause, u64>,
    /// What the open source counts in the background.
    pub source: Arc<Notes>,
}

/// How a counter is read, named and explained.
type Row = (fn(&Metrics) -> u64, &'static CStr, &'static str);

const COUNTERS: &[Row] = &[
    (|metrics| metrics.events, c"events", "events given to Falco"),
    (|metrics| metrics.event_bytes, c"event_bytes", "bytes of these events"),
    (
        |metrics| metrics.logs,
        c"logs",
        "files, objects and events that came alone, damaged ones too, when they are done",
    ),
    (
        |metrics| metrics.duplicates,
        c"duplicates",
        "events left out since an event with the same eventID was delivered before",
    ),
    (|metrics| metrics.untimed, c"untimed", "events without a readable eventTime, which got the time of reading"),
    (|metrics| metrics.source.messages.get(), c"messages", "SQS messages received, each time that one is"),
    (
        |metrics| metrics.source.messages_deleted.get(),
        c"messages_deleted",
        "SQS messages deleted since Falco went through all that they lead to",
    ),
    (
        |metrics| metrics.source.messages_left.get(),
        c"messages_left",
        "SQS messages left in the queue since they could not be read, each time that one is",
    ),
    (
        |metrics| metrics.source.messages_given_up.get(),
        c"messages_given_up",
        "SQS messages deleted since they could not be read `sqsMaxReceiveCount` times",
    ),
    (
        |metrics| metrics.source.retries.get(),
        c"retries",
        "calls to AWS made again after trouble that lasted longer than the AWS SDK's own repetitions",
    ),
    (|metrics| metrics.skipped.values().sum(), c"skipped", "all that was skipped, the sum of the rows below"),
];

impl Metrics {
    /// Adds what was skipped in a block.
    pub fn add_skips(&mut self, skips: &Skips) {
        self.duplicates += skips.duplicates;
        for (cause, count) in &skips.counts {
            *self.skipped.entry(*cause).or_default() += count;
        }
    }

    /// Sums up the reading in a line.
    pub fn summary(&self) -> String {
        let skipped: u64 = self.skipped.values().sum();
        format!(
            "all is read: logs {}, events {}, delivered before {}, skips {skipped}",
            self.logs, self.events, self.duplicates
        )
    }

    /// Gives all counters to Falco, which puts the plugin's name before theirs.
    pub fn export(&self) -> Vec<Metric> {
        let metric = |name, value| MetricLabel::new(name, MetricType::Monotonic).with_value(MetricValue::U64(value));
        let counters = COUNTERS.iter().map(|(read, name, _)| metric(name, read(self)));
        let causes = CAUSES.iter().map(|(cause, name, _)| metric(name, self.skipped.get(cause).copied().unwrap_or(0)));
        counters.chain(causes).collect()
    }
}

/// Returns the README's table of metrics.
pub fn readme_table() -> String {
    let mut table = String::from("| metric | counts |\n|---|---|\n");
    let counters = COUNTERS.iter().map(|(_, name, text)| (name, *text));
    let causes = CAUSES.iter().map(|(_, name, text)| (name, *text));
    for (name, text) in counters.chain(causes) {
        let _ = writeln!(table, "| `cloudtrail.{}` | {text} |", name.to_string_lossy());
    }
    table
}
