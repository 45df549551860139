//! The source capability: opens what `open_params` name and gives their records to Falco in batches.

use super::CloudTrail;
use super::payload::{self, CloudTrailEvent, EVENT_SOURCE_C, PLUGIN_ID};
use super::report::Report;
use crate::config::{Limits, OpenParams};
use crate::decode::split::RecordLimits;
use crate::decode::{Block, Skips};
use crate::feed::{Batch, Feed, FeedLimits, Next, Progress};
use crate::fields;
use crate::source::Log;
use crate::source::files;
use anyhow::Error;
use extraction::{EventId, sdk_error};
use falco_plugin::FailureReason;
use falco_plugin::source::{EventBatch, EventInput, ProgressInfo, SourcePlugin, SourcePluginInstance};
use jsontext::Kind;
use std::ffi::{CStr, CString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a call may wait for events: Falco looks at its signals between calls only.
const WAIT: Duration = Duration::from_millis(100);

/// An open source.
#[derive(Debug)]
pub struct Instance {
    feed: Feed,
    report: Report,
    total: Progress,
    done: Progress,
    detail: CString,
    /// Whether Falco has had an answer yet.
    answered: bool,
    ended: bool,
}

impl SourcePlugin for CloudTrail {
    type Instance = Instance;
    type Event<'a> = CloudTrailEvent<'a>;

    const EVENT_SOURCE: &'static CStr = EVENT_SOURCE_C;
    const PLUGIN_ID: u32 = PLUGIN_ID;

    fn open(&mut self, params: Option<&str>) -> Result<Instance, Error> {
        self.answers.forget();
        let OpenParams::Files(path) = params.unwrap_or_default().parse().map_err(sdk_error)?;
        let (logs, ignored) = files::find(&path).map_err(sdk_error)?;
        let mut report = Report::default();
        for (name, cause, detail) in ignored {
            let mut skips = Skips::default();
            skips.add(cause, None, detail);
            self.metrics.add_skips(&skips);
            report.skips(&name, &skips, Instant::now());
        }
        let total = Progress { logs: logs.len() as u64, bytes: logs.iter().map(Log::bytes).sum() };
        let feed = Feed::start(logs, feed_limits(&self.config.limits))
            .map_err(|error| sdk_error(format!("cannot start a thread to read with: {error}")))?;
        log::info!("reading {}: logs {}, bytes {}", path.display(), total.logs, total.bytes);
        let done = Progress::default();
        Ok(Instance { feed, report, total, done, detail: CString::default(), answered: false, ended: false })
    }

    fn close(&mut self, _instance: &mut Instance) {
        self.answers.forget();
    }

    fn event_to_string(&mut self, input: &EventInput<CloudTrailEvent<'_>>) -> Result<CString, Error> {
        let event = input.event()?;
        let payload = event.params.event_data.0;
        self.answers.begin(EventId::new(input.event_number(), event.metadata.ts, payload), payload);
        let root = self.answers.root(payload).filter(|root| root.kind() == Kind::Object);
        let line = catch_unwind(|| {
            let mut line = Vec::new();
            if let Some(root) = root {
                fields::plugin_info(root, &mut line);
            }
            line
        });
        let line = line.unwrap_or_default();
        Ok(CString::new(line)?)
    }
}

impl SourcePluginInstance for Instance {
    type Plugin = CloudTrail;

    fn next_batch(&mut self, plugin: &mut CloudTrail, batch: &mut EventBatch) -> Result<(), Error> {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.fill(plugin, batch)));
        // Events come only with success: what a panic leaves in the batch is dropped by Falco, so it asks again.
        let reason = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(reason)) => Some(reason),
            Err(_) => Some(FailureReason::Timeout),
        };
        // The engine cannot take an end as the first of all answers.
        let first = !std::mem::replace(&mut self.answered, true);
        match reason {
            None => Ok(()),
            Some(FailureReason::Eof) if first => Err(FailureReason::Timeout.into()),
            Some(reason) => Err(reason.into()),
        }
    }

    fn get_progress(&mut self) -> ProgressInfo<'_> {
        let Progress { logs, bytes } = self.done;
        let detail = format!("{logs}/{} logs, {bytes}/{} bytes", self.total.logs, self.total.bytes);
        self.detail = CString::new(detail).unwrap_or_default();
        let share = if self.total.bytes == 0 { 1.0 } else { bytes as f64 / self.total.bytes as f64 };
        // A log may grow while it is read.
        ProgressInfo { value: 100.0 * share.min(1.0), detail: Some(&self.detail) }
    }
}

impl Instance {
    /// Adds the next events; waits for them up to [`WAIT`].
    fn fill(&mut self, plugin: &mut CloudTrail, batch: &mut EventBatch) -> Result<(), FailureReason> {
        let deadline = Instant::now() + WAIT;
        loop {
            match self.feed.next(deadline.saturating_duration_since(Instant::now())) {
                Next::Batch(Batch { log, block, progress }) => {
                    plugin.metrics.add_skips(&block.skips);
                    plugin.metrics.logs += progress.logs - self.done.logs;
                    self.done = progress;
                    if !block.skips.is_empty() {
                        self.report.skips(&log, &block.skips, Instant::now());
                    }
                    if !block.records.is_empty() {
                        return add(&block, plugin, batch);
                    }
                    // Batches without records may come one after the other without a wait between them.
                    if Instant::now() >= deadline {
                        return Err(FailureReason::Timeout);
                    }
                }
                Next::Nothing => return Err(FailureReason::Timeout),
                Next::End => {
                    if !std::mem::replace(&mut self.ended, true) {
                        self.report.finish();
                        log::info!("{}", plugin.metrics.summary());
                    }
                    return Err(FailureReason::Eof);
                }
            }
        }
    }
}

fn add(block: &Block, plugin: &mut CloudTrail, batch: &mut EventBatch) -> Result<(), FailureReason> {
    batch.reserve(block.records.len());
    for record in &block.records {
        let bytes = block.text.get(record.range.clone()).unwrap_or_default();
        let time_ns = record.time_ns.unwrap_or_else(|| {
            plugin.metrics.untimed += 1;
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
        });
        plugin.metrics.events += 1;
        plugin.metrics.event_bytes += bytes.len() as u64;
        // Writing to memory does not fail.
        batch.add(payload::event(bytes, time_ns)).map_err(|_| FailureReason::Failure)?;
    }
    Ok(())
}

fn feed_limits(limits: &Limits) -> FeedLimits {
    FeedLimits {
        in_flight_bytes: limits.in_flight_bytes,
        record: RecordLimits { bytes: limits.record_bytes, depth: limits.depth },
        inflate_ratio: limits.inflate_ratio,
        event_ids: limits.event_ids,
    }
}
