//! The source capability: opens what `open_params` name and gives their records to Falco in batches.
//!
//! Every call is guarded, so that none ends in a panic: it is an error of that call, or an empty answer.

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
use crate::metrics::Metrics;
use crate::source::notes::Notes;
use crate::source::remote::Background;
use crate::source::{Opened, Receipt, Verdict};
use anyhow::Error;
use extraction::Given;
use falco_plugin::FailureReason;
use falco_plugin::source::{EventBatch, EventInput, ProgressInfo, SourcePlugin, SourcePluginInstance};
use faults::guarded;
use jsontext::Kind;
use std::ffi::{CStr, CString};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a call may wait for events: Falco looks at its signals between calls only.
const WAIT: Duration = Duration::from_millis(100);

/// A source that Falco has open. What is open in it is dropped in the guarded call that closes it.
#[derive(Debug)]
pub struct Instance(Option<Open>);

/// An open source.
#[derive(Debug)]
struct Open {
    // Dropped in this order: the feed's threads wait for the source.
    background: Option<Background>,
    feed: Feed,
    notes: Arc<Notes>,
    report: Report,
    done: Progress,
    /// What Falco is told of the progress.
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
        guarded("open", || self.source(params)).map_err(error)?.map(|open| Instance(Some(open)))
    }

    fn close(&mut self, instance: &mut Instance) {
        // A fault is told, and there is nobody to give an error to.
        let _ = guarded("close", || {
            self.answers.forget();
            if let Some(open) = instance.0.take() {
                open.close(&mut self.delivered, &self.metrics);
            }
            self.metrics.closed();
        });
    }

    fn event_to_string(&mut self, input: &EventInput<CloudTrailEvent<'_>>) -> Result<CString, Error> {
        guarded("event_to_string", || self.info_line(Given::of(input))).map_err(error)?
    }
}

impl CloudTrail {
    fn source(&mut self, params: Option<&str>) -> Result<Open, Error> {
        self.answers.forget();
        let params: OpenParams = params.unwrap_or_default().parse().map_err(error)?;
        let Opened { logs, background, ignored, ids, notes } = sources::open(&params, &self.config)?;
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
        let limits = sources::feed_limits(&self.config.limits, background.is_some());
        let feed = Feed::start(logs, limits, seen)
            .map_err(|reason| error(format!("cannot start a thread to read with: {reason}")))?;
        self.metrics.opened(Arc::clone(&notes), feed.in_flight());
        Ok(Open {
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

    fn info_line(&mut self, event: Given<'_>) -> Result<CString, Error> {
        let payload = event.payload().ok_or_else(|| error("not a plugin's event"))?;
        self.answers.begin(event.id(), payload);
        let mut line = Vec::new();
        if let Some(root) = self.answers.root(payload).filter(|root| root.kind() == Kind::Object) {
            fields::plugin_info(root, &mut line);
        }
        Ok(CString::new(line)?)
    }
}

impl SourcePluginInstance for Instance {
    type Plugin = CloudTrail;

    fn next_batch(&mut self, plugin: &mut CloudTrail, batch: &mut EventBatch) -> Result<(), Error> {
        let Some(open) = &mut self.0 else { return Err(FailureReason::Eof.into()) };
        let outcome = guarded("next_batch", || open.fill(plugin, batch));
        // Events come only with success: what a fault leaves in the batch is dropped by Falco, so it asks again.
        let outcome = outcome.unwrap_or(Err(FailureReason::Timeout));
        // The engine cannot take an end as the first of all answers.
        let is_first = !mem::replace(&mut open.answered, true);
        match outcome {
            Err(FailureReason::Eof) if is_first => Err(FailureReason::Timeout.into()),
            outcome => outcome.map_err(Error::from),
        }
    }

    fn get_progress(&mut self) -> ProgressInfo<'_> {
        let Some(open) = &mut self.0 else { return ProgressInfo { value: 100.0, detail: None } };
        let value = guarded("get_progress", || open.progress()).unwrap_or_default();
        ProgressInfo { value, detail: Some(&open.detail) }
    }
}

impl Open {
    /// Returns how much of what was found is read, in percent, and notes it in words.
    fn progress(&mut self) -> f64 {
        let Progress { logs, bytes } = self.done;
        let (logs_found, bytes_found) = (self.notes.logs_found.get(), self.notes.bytes_found.get());
        let detail = format!("{logs}/{logs_found} logs, {bytes}/{bytes_found} bytes");
        self.detail = CString::new(detail).unwrap_or_default();
        let share = if bytes_found == 0 { 1.0 } else { bytes as f64 / bytes_found as f64 };
        // A log may grow while it is read.
        100.0 * share.min(1.0)
    }

    /// Adds the next events; waits for them up to [`WAIT`].
    fn fill(&mut self, plugin: &mut CloudTrail, batch: &mut EventBatch) -> Result<(), FailureReason> {
        // Falco asks again once it has gone through what it had.
        plugin.delivered.all_came_up();
        self.settle();
        let deadline = Instant::now() + WAIT;
        loop {
            let now = Instant::now();
            self.report.notes(self.notes.take(), now);
            self.report.sum_up(now);
            match self.feed.next(deadline.saturating_duration_since(now)) {
                Next::Batch(next) => {
                    self.count(&next, &plugin.metrics);
                    let Batch { block, end, .. } = next;
                    if !block.records.is_empty() {
                        add(&block, &plugin.metrics, batch)?;
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
                    if !mem::replace(&mut self.ended, true) {
                        self.report.finish();
                        log::info!("{}", plugin.metrics.summary());
                    }
                    return Err(FailureReason::Eof);
                }
                // The log tells of the fault.
                Next::Failed => return Err(FailureReason::Failure),
            }
        }
    }

    /// Counts what came with a batch besides its events, and tells what was skipped.
    fn count(&mut self, batch: &Batch, metrics: &Metrics) {
        let Batch { log, block, progress, read, .. } = batch;
        metrics.add_skips(&block.skips);
        metrics.logs.add(progress.logs - self.done.logs);
        metrics.bytes_read.add(*read);
        self.done = *progress;
        if !block.skips.is_empty() {
            self.report.skips(log, &block.skips, Instant::now());
        }
    }

    /// Tells the source of a log whose last event Falco has gone through.
    fn settle(&mut self) {
        if let Some((receipt, verdict)) = self.end.take() {
            receipt.settle(verdict);
        }
    }

    /// Ends the source. What Falco has gone through is settled, the rest of what was read comes again.
    fn close(mut self, delivered: &mut Delivered, metrics: &Metrics) {
        if delivered.is_whole() {
            self.settle();
            while let Next::Batch(next) = self.feed.next(Duration::ZERO)
                && next.block.records.is_empty()
            {
                self.count(&next, metrics);
                self.end = next.end;
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

fn add(block: &Block, metrics: &Metrics, batch: &mut EventBatch) -> Result<(), FailureReason> {
    batch.reserve(block.records.len());
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
    let (mut event_bytes, mut untimed) = (0, 0);
    let mut delays = metrics.delays();
    delays.roll(Instant::now());
    for record in &block.records {
        let bytes = block.text.get(record.range.clone()).unwrap_or_default();
        match record.time_ns {
            Some(time_ns) => delays.add(now_ns.saturating_sub(time_ns)),
            None => untimed += 1,
        }
        event_bytes += bytes.len() as u64;
        // Writing to memory does not fail.
        batch.add(payload::event(bytes, record.time_ns.unwrap_or(now_ns))).map_err(|_| FailureReason::Failure)?;
    }
    metrics.events.add(block.records.len() as u64);
    metrics.bytes_delivered.add(event_bytes);
    metrics.untimed.add(untimed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::UserConfig;

    #[test]
    fn a_close_with_a_fault_is_one_nonetheless() {
        let mut plugin = CloudTrail::with_config(UserConfig::default()).unwrap();
        let mut open = plugin.source(Some(env!("CARGO_MANIFEST_DIR"))).unwrap();
        open.end = Some((Receipt::new(|_| panic!("a fault in a source")), Ok(())));
        let notes = Arc::clone(&open.notes);
        let mut instance = Instance(Some(open));
        plugin.close(&mut instance);
        assert!(instance.0.is_none());
        assert_eq!(Arc::strong_count(&notes), 2, "what was open is dropped: the test has the notes, and the plugin");
    }
}
