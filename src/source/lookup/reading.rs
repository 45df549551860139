//! Reads one history: what was there when it begins, then again and again what is new.
//!
//! Events appear late and out of order, and an answer gives the newest first. So a sweep asks for all from where the
//! history is complete, in slices of time that hold no more than the memory allows, sends what is new in a slice oldest
//! first, and counts as complete what was asked for so long after it happened that nothing is to come. Between sweeps,
//! looks at the last minutes only find what is not so late.

use super::RETENTION;
use super::keeper::{RunId, Shared, Told};
use super::pace::Pace;
use super::patience::{GivenUp, Patience, is_refusal};
use crate::aws::cloudtrail::{Category, Event, History, Page, Query};
use crate::aws::{AwsError, Kind, Service};
use crate::checkpoint::ObjectId;
use crate::checkpoint::reached::{EventKey, forget_before};
use crate::decode::{Cause, Skip};
use crate::source::memory::Memory;
use crate::source::notes::{Level, Notes};
use crate::source::text::TextLog;
use crate::source::{Log, Receipt, printable};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

/// The length of the first slice in seconds. The others follow from how much was in those before.
const FIRST_SLICE: i64 = 60 * 60;

/// The longest slice in seconds: as long as CloudTrail keeps events.
const LONGEST_SLICE: i64 = RETENTION;

/// A slice is given up when, by the pages that came, it would hold so many times what it may.
const FAR_TOO_LONG: f64 = 3.0;

/// What an event takes besides its text, in bytes.
const BESIDES: usize = 256;

/// How far a look goes back at least.
const SHORTEST_LOOK: Duration = Duration::from_secs(150);

/// What a reading needs that is the same for all histories of the source.
pub(super) struct Common {
    /// Whether to go on when all that is there was read.
    pub follow: bool,
    /// The bytes of new events that a slice may hold.
    pub slice_bytes: usize,
    /// The memory for events that Falco has not read.
    pub memory: Memory,
    /// How many requests may be under way: each has an answer in memory.
    pub requests: Semaphore,
    pub tell: mpsc::UnboundedSender<(RunId, Told)>,
    pub notes: Arc<Notes>,
}

/// One history, and how to read it.
pub(super) struct Reading {
    /// Its number for the keeper.
    pub number: usize,
    /// What it is called in lines of the log.
    pub name: String,
    pub history: History,
    pub category: Category,
    /// The one attribute that events must have, name and value.
    pub attribute: Option<(String, String)>,
    /// How long to wait between the beginnings of two looks, at least.
    pub poll_interval: Duration,
    /// How late its events may appear.
    pub overlap: Duration,
    pub pace: Arc<Pace>,
    pub places: Arc<Shared>,
    pub common: Arc<Common>,
    /// How many times it was begun.
    pub runs: AtomicU64,
}

/// An event, and what it is known by.
type Known = (EventKey, Event);

/// What a slice holds that is new.
enum Slice {
    /// All of it, oldest first.
    Events(Vec<Known>),
    /// More than can be held, or could be asked for in time: how long the slice is to be instead, in seconds.
    TooLong(i64),
}

/// A reading that is under way.
struct Run<'a> {
    id: RunId,
    reading: &'a Reading,
    logs: &'a mpsc::Sender<Box<dyn Log>>,
    patience: Patience,
    /// From where on events are still to come, in seconds.
    complete: i64,
    /// The events from there on that were sent.
    known: BTreeSet<EventKey>,
    /// How many were sent.
    sent: u64,
    /// How long the next slice is to be, in seconds.
    length: i64,
}

/// Returns the time in seconds.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Reading {
    /// Reads to the end, if there is one.
    pub async fn run(self: Arc<Self>, logs: mpsc::Sender<Box<dyn Log>>) {
        let Common { follow, tell, notes, .. } = &*self.common;
        let id = RunId { history: self.number, number: self.runs.fetch_add(1, Ordering::Relaxed) + 1 };
        // Nobody is told when the source is closed.
        let _ = tell.send((id, Told::Begun));
        let (complete, known, end) = {
            let reached = &self.places.lock().reached;
            (reached.complete(), reached.delivered().clone(), reached.end)
        };
        let patience = Patience::new(Arc::clone(notes), *follow);
        let mut run = Run { id, reading: &self, logs: &logs, patience, complete, known, sent: 0, length: FIRST_SLICE };
        let mut looked_until = complete;
        for look in 0.. {
            let next = Instant::now() + self.poll_interval;
            let until = end.map_or_else(now, |end| end.min(now()));
            let window = match self.category {
                Category::Management => window(look, self.poll_interval, self.overlap),
                // There are few, and all come late.
                Category::Insight => None,
            };
            let from = window.map_or(run.complete, |window| looked_until.min(until.saturating_sub(seconds(window))));
            // What a look finds is known one by one until a sweep: of much, as behind a pause, that would be too many.
            let from =
                if until.saturating_sub(from) >= seconds(self.overlap) { run.complete } else { from.max(run.complete) };
            if run.read(from, until).await.is_err() || !follow || end.is_some_and(|end| run.complete >= end) {
                return;
            }
            looked_until = until;
            sleep_until(next).await;
        }
    }
}

/// Returns how far to look back, or `None` to sweep all that is not complete.
///
/// Each look is an event itself, and most that it finds is known. So every second look goes twice as far back as the
/// others, every second one of these twice as far again, up to a sweep: how long an event is not found that has appeared
/// is a small part of how late it appeared, and the looks find few of their own kind.
fn window(look: u64, poll_interval: Duration, overlap: Duration) -> Option<Duration> {
    let shortest = SHORTEST_LOOK.max(poll_interval * 10);
    let doubled = 1_u32.checked_shl((look > 0).then_some(look)?.trailing_zeros())?;
    shortest.checked_mul(doubled).filter(|window| *window < overlap)
}

/// Returns how long to make the slice behind one of a length in seconds that held so many bytes of as many as it may:
/// so long that it would be nearly full, since its last page rarely is.
fn next_length(length: i64, bytes: usize, most: usize) -> i64 {
    let wanted = most / 20 * 17;
    let longer = if bytes < most / 4 * 3 { length * wanted as i64 / bytes.max(1) as i64 } else { length };
    longer.min(length * 4).clamp(1, LONGEST_SLICE)
}

impl Run<'_> {
    /// Reads all that is there between two seconds. It is a sweep when it begins where the history is complete.
    async fn read(&mut self, mut from: i64, until: i64) -> Result<(), GivenUp> {
        let is_sweep = from == self.complete;
        // The service may refuse to look for what it cannot have.
        from = from.max((now() - RETENTION).min(until));
        while from <= until {
            let asked = now();
            let to = from.saturating_add(self.length).min(until);
            match self.slice(from, to).await? {
                Slice::TooLong(length) => {
                    self.length = length.clamp(0, (to - from - 1).max(0));
                    continue;
                }
                Slice::Events(events) => {
                    let bytes: usize = events.iter().map(|(_, event)| size(event)).sum();
                    self.length = next_length(self.length, bytes, self.reading.common.slice_bytes);
                    self.send(events).await?;
                }
            }
            if is_sweep {
                // The clock may have been ahead.
                self.completed(to.min(asked.min(now()) - seconds(self.reading.overlap)));
            }
            if to == until {
                break;
            }
            // What is not in a whole second belongs to the slices on both sides of it, unless one is no longer.
            from = if to == from { to + 1 } else { to };
        }
        Ok(())
    }

    /// Asks for what is new between two seconds, both included.
    async fn slice(&mut self, from: i64, to: i64) -> Result<Slice, GivenUp> {
        let Reading { category, attribute, common, .. } = self.reading;
        let start = from.max((now() - RETENTION).min(to));
        let query = Query { start, end: to, category: *category, attribute: attribute.clone() };
        let (mut new, mut found) = (Vec::new(), BTreeSet::new());
        let (mut bytes, mut oldest) = (0, to);
        let mut token = None;
        loop {
            let Page { events, next } = match self.page(&query, token.as_deref()).await? {
                Ok(page) => page,
                Err(expired) if to > from => {
                    // A refusal was told and waited for.
                    if !is_refusal(expired.kind()) {
                        common.notes.traffic.retry(Service::CloudTrail);
                        common.notes.say(Level::Info, "token", format!("{expired}; asking for less at a time"));
                    }
                    return Ok(Slice::TooLong((to - from) / 2));
                }
                Err(expired) => {
                    self.patience.failed(&expired).await?;
                    token = None;
                    continue;
                }
            };
            for event in events {
                let key = key(&event, to);
                oldest = oldest.min(key.0);
                if !self.known.contains(&key) && found.insert(key) {
                    bytes += size(&event);
                    new.push((key, event));
                }
            }
            let (half, read) = ((to - from) / 2, to.saturating_sub(oldest));
            if bytes > common.slice_bytes {
                if to > from {
                    return Ok(Slice::TooLong(half.min(read / 2)));
                }
                // It cannot be shorter, and within a second there is no order.
                self.send(oldest_first(std::mem::take(&mut new))).await?;
                bytes = 0;
            }
            if next.is_none() {
                return Ok(Slice::Events(oldest_first(new)));
            }
            // Seen soon, it costs little to begin again.
            let expected = bytes as f64 * (to - from) as f64 / read.max(1) as f64;
            if to > from && expected > FAR_TOO_LONG * common.slice_bytes as f64 {
                return Ok(Slice::TooLong(half));
            }
            token = next;
        }
    }

    /// Asks for a page, again and again, unless its token has expired, or might have: then the first page has to be asked
    /// for anew.
    async fn page(&mut self, query: &Query, token: Option<&str>) -> Result<Result<Page, AwsError>, GivenUp> {
        let Reading { name, history, pace, common, .. } = self.reading;
        loop {
            let answer = pace.call(async {
                let _one_of_few = common.requests.acquire().await;
                history.lookup(query, token).await
            });
            match answer.await {
                Ok(page) => {
                    self.patience.answered(name);
                    return Ok(Ok(page));
                }
                Err(expired) if expired.kind() == Kind::Changed && token.is_some() => return Ok(Err(expired)),
                Err(error) => {
                    self.patience.failed(&error).await?;
                    if token.is_some() && is_refusal(error.kind()) {
                        return Ok(Err(error));
                    }
                }
            }
        }
    }

    /// Sends events to Falco.
    async fn send(&mut self, events: Vec<Known>) -> Result<(), GivenUp> {
        let Reading { name, common, .. } = self.reading;
        for (key, event) in events {
            let name = printable(&format!("event {} in {name}", event.id.as_deref().unwrap_or("without an id")));
            let memory = common.memory.reserve(size(&event)).await;
            let nothing = Skip {
                cause: Cause::NotAnEvent,
                at: None,
                detail: Some("it comes without a CloudTrailEvent".to_owned()),
            };
            let (tell, id) = (common.tell.clone(), self.id);
            // Nobody is told when the source is closed.
            let receipt = Receipt::new(move |_| _ = tell.send((id, Told::Settled(key))));
            let log = TextLog::new(name, event.text.ok_or(nothing), receipt, memory);
            common.notes.logs_found.add(1);
            self.logs.send(Box::new(log)).await.map_err(|_| GivenUp)?;
            self.known.insert(key);
            self.sent += 1;
        }
        Ok(())
    }

    /// Notes that all before a second was sent.
    fn completed(&mut self, second: i64) {
        if second > self.complete {
            self.complete = second;
            forget_before(&mut self.known, second);
            let _ = self.reading.common.tell.send((self.id, Told::Complete { second, sent: self.sent }));
        }
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Returns what an event is known by; `time` is for one that does not say when it happened.
fn key(event: &Event, time: i64) -> EventKey {
    let id = event.id.as_deref().filter(|id| !id.is_empty()).or(event.text.as_deref()).unwrap_or_default();
    // One that comes without its text may come with it later.
    let kind = if event.text.is_some() { "event" } else { "no event" };
    (event.time.unwrap_or(time), ObjectId::of(&[id, kind]))
}

fn size(event: &Event) -> usize {
    event.text.as_ref().map_or(0, String::len) + BESIDES
}

/// Orders events that come newest first.
fn oldest_first(mut events: Vec<Known>) -> Vec<Known> {
    events.reverse();
    events.sort_by_key(|((time, _), _)| *time);
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(15);
    const OVERLAP: Duration = Duration::from_secs(20 * 60);

    /// Whatever the density of events, slices come to hold nearly as much as they may, and never more.
    #[test]
    fn slices_become_as_long_as_they_may_be() {
        for bytes_a_second in [1, 10, 1000] {
            let mut length = FIRST_SLICE;
            let held = |length| length as usize * bytes_a_second;
            for _ in 0..30 {
                let next = next_length(length, held(length), 10_000_000);
                assert!(next == length || held(next) < 10_000_000, "{length} {next}");
                length = next;
            }
            assert!(held(length) >= 7_500_000 || length == LONGEST_SLICE, "{bytes_a_second}: {length}");
        }
        assert_eq!(next_length(0, 0, 100), 1, "out of a second with very many");
    }

    #[test]
    fn looks_go_back_further_the_rarer_they_are() {
        let minutes = |look| window(look, POLL, OVERLAP).map(|window| window.as_secs_f64() / 60.0);
        let expected = [None, Some(2.5), Some(5.0), Some(2.5), Some(10.0), Some(2.5), Some(5.0), Some(2.5), None];
        assert_eq!(Vec::from_iter((0..9).map(minutes)), expected);
        assert_eq!(window(1, Duration::from_secs(60), OVERLAP), Some(Duration::from_secs(600)));
        for look in [2, 1 << 40, u64::MAX - 1] {
            assert_eq!(window(look, Duration::from_secs(60), OVERLAP), None, "{look}");
        }
        assert_eq!(window(1, Duration::from_secs(86_400), OVERLAP), None);
    }

    /// A day in a region in which nothing else happens: each request is an event, which appears some minutes later.
    #[test]
    fn what_it_finds_of_its_own_requests_does_not_keep_it_busy() {
        for late in [0, 60, 300, 600] {
            let mut requests: Vec<u64> = Vec::new();
            for look in 0..24 * 60 * 4 {
                let now = look * POLL.as_secs();
                let from = window(look, POLL, OVERLAP)
                    .map_or(now.saturating_sub(1200), |window| now.saturating_sub(window.as_secs()));
                let found = requests.iter().filter(|time| (from..=now.saturating_sub(late)).contains(time)).count();
                requests.extend(std::iter::repeat_n(now, (found / 50 + 1).min(20)));
            }
            let each = requests.len() as f64 / (24.0 * 60.0 * 4.0);
            assert!(each < 1.5, "{each} requests a look");
        }
    }
}
