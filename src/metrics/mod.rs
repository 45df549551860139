//! What the plugin counts and measures, and how Falco names it: one table of all metrics.
//!
//! Falco asks for them on threads of its web server while another thread reads events, so all that is read here is
//! atomic or behind a lock.

mod delay;

use crate::aws::Service;
use crate::decode::{CAUSES, Cause, Skips};
use crate::feed::InFlight;
use crate::source::notes::{Count, Notes};
use delay::Delays;
use falco_plugin::base::{Metric, MetricLabel, MetricType, MetricValue};
use std::ffi::CStr;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The counts of a plugin, over all that it opens one after the other, and what is open.
#[derive(Debug)]
pub struct Metrics {
    /// Events given to Falco.
    pub events: Count,
    /// Bytes of these events.
    pub bytes_delivered: Count,
    /// Bytes of logs that were read, as they are stored.
    pub bytes_read: Count,
    /// Logs that are done.
    pub logs: Count,
    /// Events without a readable time, which got the time of reading.
    pub untimed: Count,
    duplicates: Count,
    /// What was skipped, in the order of the causes.
    skipped: Vec<Count>,
    delays: Mutex<Delays>,
    open: Mutex<Open>,
}

/// What is open, or was open last.
#[derive(Debug, Default)]
struct Open {
    /// What its source counts in the background.
    source: Arc<Notes>,
    /// What is read ahead, as long as it is open.
    in_flight: Option<InFlight>,
}

/// All that the table reads, at one moment.
struct Reading<'a> {
    metrics: &'a Metrics,
    source: Arc<Notes>,
    in_flight: Option<usize>,
    /// The last delay, and those that half and 99 % of the events are below.
    delays: [Option<Duration>; 3],
}

/// How a metric is read.
enum Read {
    /// A count, which only rises.
    Counter(fn(&Reading<'_>) -> u64),
    /// A value that rises and falls; left out while it is not known.
    Gauge(fn(&Reading<'_>) -> Option<u64>),
    /// The same in seconds.
    Seconds(fn(&Reading<'_>) -> Option<Duration>),
}

/// A metric: its name, how it is read, and what it is. Falco's Prometheus endpoint takes some words for units, and out
/// of the name; see [`prometheus_name`].
type Row = (&'static CStr, Read, &'static str);

use Read::{Counter, Gauge, Seconds};

const METRICS: &[Row] = &[
    (c"events", Counter(|of| of.metrics.events.get()), "events given to Falco"),
    (c"bytes_delivered", Counter(|of| of.metrics.bytes_delivered.get()), "bytes of these events"),
    (c"bytes_read", Counter(|of| of.metrics.bytes_read.get()), "bytes of logs that were read, as they are stored"),
    (
        c"logs",
        Counter(|of| of.metrics.logs.get()),
        "files, objects and events that came alone, damaged ones too, when they are done",
    ),
    (c"objects", Counter(|of| of.source.objects.get()), "S3 objects downloaded to their end"),
    (
        c"duplicates",
        Counter(|of| of.metrics.duplicates.get()),
        "events left out since an event with the same eventID was delivered before",
    ),
    (
        c"untimed",
        Counter(|of| of.metrics.untimed.get()),
        "events without a readable eventTime, which got the time of reading",
    ),
    (
        c"delay_last",
        Seconds(|of| of.delays[0]),
        "seconds from the eventTime of the last event until it was given to Falco",
    ),
    (
        c"delay_p50",
        Seconds(|of| of.delays[1]),
        "the delay that half of the events of the last 5 to 10 minutes stayed below; events of long ago, as at a first \
         start, have long ones",
    ),
    (c"delay_p99", Seconds(|of| of.delays[2]), "the same for 99 % of them"),
    (
        c"bytes_in_flight",
        Gauge(|of| of.in_flight.map(|bytes| bytes as u64)),
        "bytes of memory that logs take on their way to Falco, downloads included",
    ),
    (c"messages", Counter(|of| of.source.messages.get()), "SQS messages received, each time that one is"),
    (
        c"messages_deleted",
        Counter(|of| of.source.messages_deleted.get()),
        "SQS messages deleted since Falco went through all that they lead to",
    ),
    (
        c"messages_left",
        Counter(|of| of.source.messages_left.get()),
        "SQS messages left in the queue since they could not be read, each time that one is",
    ),
    (
        c"messages_given_up",
        Counter(|of| of.source.messages_given_up.get()),
        "SQS messages deleted since they could not be read `sqsMaxReceiveCount` times",
    ),
    (
        c"digests_verified",
        Counter(|of| of.source.digests_verified.get()),
        "digest files of CloudTrail whose signature is good",
    ),
    (
        c"log_files_verified",
        Counter(|of| of.source.log_files_verified.get()),
        "logs in S3 whose hash is the one that a digest file names",
    ),
    (
        c"digest_faults",
        Counter(|of| of.source.digest_faults.get()),
        "logs and digest files that were tampered with or are gone, each an event of `cloudtrail-plugin.local`",
    ),
    (
        c"digest_unknowns",
        Counter(|of| of.source.digest_unknowns.get()),
        "logs, digest files and listings that could not be verified since they may not be read, each time that it was tried",
    ),
    (
        c"messages_in_work",
        Gauge(|of| of.source.messages_in_work.get()),
        "SQS messages received whose events Falco did not go through yet",
    ),
    (
        c"queue_depth",
        Gauge(|of| of.source.queue_depth.get()),
        "SQS messages that wait in the queue, by its own count, asked for once a minute; needs \
         `sqs:GetQueueAttributes`",
    ),
    (
        c"checkpoint_age",
        Seconds(|of| of.source.state_age()),
        "seconds since it was last written to `stateDir` how far the reading came, which happens when something was \
         delivered",
    ),
    (
        c"retries",
        Counter(|of| SERVICES.map(|service| of.source.traffic.retries(service)).iter().sum()),
        "requests to AWS that were made again since the one before failed, by the AWS SDK or by the plugin: the sum of \
         the rows below",
    ),
    (c"retries_s3", Counter(|of| of.source.traffic.retries(Service::S3)), "those to S3"),
    (c"retries_sqs", Counter(|of| of.source.traffic.retries(Service::Sqs)), "those to SQS"),
    (c"retries_cloudtrail", Counter(|of| of.source.traffic.retries(Service::CloudTrail)), "those to CloudTrail"),
    (c"retries_sts", Counter(|of| of.source.traffic.retries(Service::Sts)), "those to STS"),
    (c"retries_account", Counter(|of| of.source.traffic.retries(Service::Account)), "those to Account Management"),
    (
        c"throttles_s3",
        Counter(|of| of.source.traffic.throttles(Service::S3)),
        "requests that S3 refused since there were too many",
    ),
    (c"throttles_sqs", Counter(|of| of.source.traffic.throttles(Service::Sqs)), "those that SQS refused"),
    (
        c"throttles_cloudtrail",
        Counter(|of| of.source.traffic.throttles(Service::CloudTrail)),
        "those that CloudTrail refused",
    ),
    (c"throttles_sts", Counter(|of| of.source.traffic.throttles(Service::Sts)), "those that STS refused"),
    (
        c"throttles_account",
        Counter(|of| of.source.traffic.throttles(Service::Account)),
        "those that Account Management refused",
    ),
    (
        c"requests_s3",
        Counter(|of| of.source.traffic.requests(Service::S3)),
        "requests to S3, those made again included",
    ),
    (c"requests_sqs", Counter(|of| of.source.traffic.requests(Service::Sqs)), "those to SQS"),
    (c"requests_cloudtrail", Counter(|of| of.source.traffic.requests(Service::CloudTrail)), "those to CloudTrail"),
    (
        c"requests_sts",
        Counter(|of| of.source.traffic.requests(Service::Sts)),
        "those to STS, without those of the AWS SDK's own chain of credentials",
    ),
    (c"requests_account", Counter(|of| of.source.traffic.requests(Service::Account)), "those to Account Management"),
    (
        c"faults",
        Counter(|_| faults::count()),
        "faults of the plugin itself, each of which cost a value, a call or a log and has a line that asks to report it",
    ),
    (
        c"skipped",
        Counter(|of| of.metrics.skipped.iter().map(Count::get).sum()),
        "all that was skipped, the sum of the rows below",
    ),
];

const SERVICES: [Service; 5] = [Service::S3, Service::Sqs, Service::CloudTrail, Service::Sts, Service::Account];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            events: Count::default(),
            bytes_delivered: Count::default(),
            bytes_read: Count::default(),
            logs: Count::default(),
            untimed: Count::default(),
            duplicates: Count::default(),
            skipped: CAUSES.iter().map(|_| Count::default()).collect(),
            delays: Mutex::default(),
            open: Mutex::default(),
        }
    }
}

impl Metrics {
    /// Begins with a source. Its counts take the place of those of the one before.
    pub fn opened(&self, source: Arc<Notes>, in_flight: InFlight) {
        *lock(&self.open) = Open { source, in_flight: Some(in_flight) };
    }

    /// Ends with the source: its counts stay, what was so while it was open does not.
    pub fn closed(&self) {
        let mut open = lock(&self.open);
        open.source.closed();
        open.in_flight = None;
        *lock(&self.delays) = Delays::default();
    }

    /// Adds what was skipped in a block.
    pub fn add_skips(&self, skips: &Skips) {
        self.duplicates.add(skips.duplicates);
        for (cause, count) in &skips.counts {
            if let Some(skipped) = self.skipped.get(*cause as usize) {
                skipped.add(*count);
            }
        }
    }

    /// Returns the delays, to add those of a batch of events.
    pub fn delays(&self) -> MutexGuard<'_, Delays> {
        lock(&self.delays)
    }

    fn skipped(&self, cause: Cause) -> u64 {
        self.skipped.get(cause as usize).map_or(0, Count::get)
    }

    /// Sums up the reading in a line.
    pub fn summary(&self) -> String {
        let skipped: u64 = self.skipped.iter().map(Count::get).sum();
        format!(
            "all is read: logs {}, events {}, delivered before {}, skips {skipped}",
            self.logs.get(),
            self.events.get(),
            self.duplicates.get()
        )
    }

    /// Gives all metrics to Falco, which puts the plugin's name before theirs. One whose value is not known is left out.
    pub fn export(&self) -> Vec<Metric> {
        let (source, in_flight) = {
            let open = lock(&self.open);
            let bytes = |ahead: &InFlight| ahead.bytes() + open.source.bytes_fetched();
            (Arc::clone(&open.source), open.in_flight.as_ref().map(bytes))
        };
        let reading = Reading { metrics: self, source, in_flight, delays: self.delays().read(Instant::now()) };
        let counter = |name, value| MetricLabel::new(name, MetricType::Monotonic).with_value(MetricValue::U64(value));
        let gauge = |name, value| MetricLabel::new(name, MetricType::NonMonotonic).with_value(value);
        let metrics = METRICS.iter().filter_map(|(name, read, _)| match read {
            Counter(read) => Some(counter(name, read(&reading))),
            Gauge(read) => Some(gauge(name, MetricValue::U64(read(&reading)?))),
            Seconds(read) => Some(gauge(name, MetricValue::Double(read(&reading)?.as_secs_f64()))),
        });
        let causes = CAUSES.iter().map(|(cause, name, _)| counter(name, self.skipped(*cause)));
        metrics.chain(causes).collect()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns every metric: its name, its kind as Prometheus calls it, and what it is.
pub fn all() -> impl Iterator<Item = (&'static CStr, &'static str, &'static str)> {
    let kind = |read: &Read| if matches!(read, Counter(_)) { "counter" } else { "gauge" };
    let metrics = METRICS.iter().map(move |(name, read, text)| (*name, kind(read), *text));
    metrics.chain(CAUSES.iter().map(|(_, name, text)| (*name, "counter", *text)))
}

/// Returns what Falco's Prometheus endpoint calls a metric of this plugin.
///
/// Of the whole name, `convert_metric_to_text_prometheus` of Falco's libs (`libsinsp/metrics_collector.cpp`) takes out
/// the words that it knows for units, wherever they stand behind a `_`, and adds the unit that it gives to all metrics of
/// plugins.
pub fn prometheus_name(name: &str) -> String {
    const UNITS: [&str; 10] =
        ["_percentage", "_perc", "_kb", "_bytes", "_mb", "_ratio", "_ns", "_ts", "_sec", "_total"];
    let name = UNITS.iter().fold(format!("cloudtrail.{name}_"), |name, unit| name.replace(unit, ""));
    format!("falcosecurity_plugins_{}_total", name.trim_end_matches('_').replace('.', "_"))
}

/// Returns the documentation's table of metrics.
pub fn readme_table() -> String {
    let mut table = String::from("| metric | kind | in Prometheus | what it is |\n|---|---|---|---|\n");
    for (name, kind, text) in all() {
        let name = name.to_string_lossy();
        let _ = writeln!(table, "| `cloudtrail.{name}` | {kind} | `{}` | {text} |", prometheus_name(&name));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_cause_are_those_of_its_row() {
        let metrics = Metrics::default();
        let mut skips = Skips::default();
        for (at, (cause, ..)) in CAUSES.iter().enumerate() {
            assert_eq!(*cause as usize, at, "the rows are in the order of the causes");
            skips.counts.insert(*cause, at as u64 + 1);
        }
        metrics.add_skips(&skips);
        metrics.add_skips(&skips);
        for (at, (cause, ..)) in CAUSES.iter().enumerate() {
            assert_eq!(metrics.skipped(*cause), 2 * (at as u64 + 1));
        }
    }

    #[test]
    fn prometheus_names_are_falcos() {
        for (name, prometheus) in [
            ("events", "falcosecurity_plugins_cloudtrail_events_total"),
            ("event_bytes", "falcosecurity_plugins_cloudtrail_event_total"),
            ("bytes_in_flight", "falcosecurity_plugins_cloudtrail_bytes_in_flight_total"),
            ("age_seconds", "falcosecurity_plugins_cloudtrail_ageonds_total"),
        ] {
            assert_eq!(prometheus_name(name), prometheus);
        }
    }

    #[test]
    fn falco_leaves_every_name_as_it_is() {
        for (name, ..) in all() {
            let name = name.to_str().unwrap();
            assert_eq!(prometheus_name(name), format!("falcosecurity_plugins_cloudtrail_{name}_total"));
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let gauges = all().filter(|(_, kind, _)| *kind == "gauge").count();
        assert_eq!(Metrics::default().export().len() + gauges, all().count());
        assert!(gauges > 5);
    }
}
