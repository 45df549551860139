//! The source capability: opens what `open_params` name and gives their records to Falco in batches.

use super::CloudTrail;
use super::delivered::Delivered;
use super::error;
use super::payload::{self, CloudTrailEvent, EVENT_SOURCE_C, PLUGIN_ID};
use super::report::Report;
use super::sources;
use crate::config::OpenParams;
use crate::decode::seen::Seen;
use crate::decode::{Block, Skips};
use crate::feed::{Batch, Feed, Next, Progress};
use crate::fields;
use crate::source::notes::Notes;
use crate::source::remote::Background;
use crate::source::{Opened, Receipt, Verdict};
use anyhow::Error;
use extraction::Given;
use falco_plugin::FailureReason;
use falco_plugin::source::{EventBatch, EventInput, ProgressInfo, SourcePlugin, SourcePluginInstance};
use jsontext::Kind;
use std::ffi::{CStr, CString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a call may wait for events: Falco looks at its signals between calls only.
const WAIT: Duration = Duration::from_millis(100);

/// An open source.
#[derive(Debug)]
pub struct Instance {
    // Dropped in this order: the feed's threads wait for the source.
    background: Option<Background>,
    feed: Feed,
    notes: Arc<Notes>,
    report: Report,
    done: Progress,
    detail: CString,
    /// What to tell the source when Falco has gone through the batch that it has.
    end: Option<(Receipt, Verdict)>,
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
        let params: OpenParams = params.unwrap_or_default().parse().map_err(error)?;
        let opened = catch_unwind(AssertUnwindSafe(|| sources::open(&params, &self.config)));
        let opened = opened.unwrap_or_else(|_| Err(error("an internal fault, please report it")));
        let Opened { logs, background, ignored, ids, notes } = opened?;
        let mut report = Report::default();
        for (name, cause, detail) in ignored {
            let mut skips = Skips::default();
            skips.add(cause, None, detail);
            self.metrics.add_skips(&skips);
            report.skips(&name, &skips, Instant::now());
        }
        report.notes(notes.take(), Instant::now());
        let seen =
            ids.map_or_else(|| Seen::new(self.config.dedupe), |ids| Seen::from_written(&ids, self.config.dedupe));
        self.delivered.begin(seen.count());
        self.metrics.source = Arc::clone(&notes);
        let limits = sources::feed_limits(&self.config.limits, background.is_some());
        let feed = Feed::start(logs, limits, seen)
            .map_err(|reason| error(format!("cannot start a thread to read with: {reason}")))?;
        Ok(Instance {
            background,
            feed,
            notes,
            report,
            done: Progress::default(),
            detail: CString::default(),
            end: None,
            answered: false,
            ended: false,
        })
    }

    fn close(&mut self, instance: &mut Instance) {
        self.answers.forget();
        instance.close(&mut self.delivered);
    }

    fn event_to_string(&mut self, input: &EventInput<CloudTrailEvent<'_>>) -> Result<CString, Error> {
        let event = Given::of(input);
        let payload = event.payload().ok_or_else(|| error("not a plugin's event"))?;
        self.answers.begin(event.id(), payload);
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
        let (logs_found, bytes_found) = (self.notes.logs_found.get(), self.notes.bytes_found.get());
        let detail = format!("{logs}/{logs_found} logs, {bytes}/{bytes_found} bytes");
        self.detail = CString::new(detail).unwrap_or_default();
        let share = if bytes_found == 0 { 1.0 } else { bytes as f64 / bytes_found as f64 };
        // A log may grow while it is read.
        ProgressInfo { value: 100.0 * share.min(1.0), detail: Some(&self.detail) }
    }
}

impl Instance {
    /// Adds the next events; waits for them up to [`WAIT`].
    fn fill(&mut self, plugin: &mut CloudTrail, batch: &mut EventBatch) -> Result<(), FailureReason> {
        // Falco asks again once it has gone through what it had.
        plugin.delivered.all_came_up();
        self.settle();
        let deadline = Instant::now() + WAIT;
        loop {
            self.report.notes(self.notes.take(), Instant::now());
            match self.feed.next(deadline.saturating_duration_since(Instant::now())) {
                Next::Batch(Batch { log, block, progress, end }) => {
                    plugin.metrics.add_skips(&block.skips);
                    plugin.metrics.logs += progress.logs - self.done.logs;
                    self.done = progress;
                    if !block.skips.is_empty() {
                        self.report.skips(&log, &block.skips, Instant::now());
                    }
                    if !block.records.is_empty() {
                        add(&block, plugin, batch)?;
                        // Files are read from their start again, however far Falco came.
                        if self.background.is_some() {
                            plugin.delivered.batch(block);
                        }
                        self.end = end;
                        return Ok(());
                    }
                    self.end = end;
                    self.settle();
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

    /// Tells the source of a log whose last event Falco has gone through.
    fn settle(&mut self) {
        if let Some((receipt, verdict)) = self.end.take() {
            receipt.settle(verdict);
        }
    }

    /// Ends the source. What Falco has gone through is settled, the rest of what was read comes again.
    fn close(&mut self, delivered: &mut Delivered) {
        if delivered.is_whole() {
            self.settle();
            while let Next::Batch(Batch { block, end, .. }) = self.feed.next(Duration::ZERO)
                && block.records.is_empty()
            {
                self.end = end;
                self.settle();
            }
        }
        // What waits for the last word of a receipt would wait in vain.
        self.end = None;
        if let Some(background) = &mut self.background {
            background.stop();
        }
        let seen = self.feed.stop();
        if let Some(background) = self.background.take() {
            background.finish(seen.map(|seen| seen.written(delivered.ids())));
        }
        self.report.notes(self.notes.take(), Instant::now());
        self.report.finish();
        delivered.begin(0);
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
