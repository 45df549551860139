//! Scans a bucket: lists its places in parallel and sends their new objects to be read, each place in key order. A
//! scan that follows does so again and again.

use super::integrity::Integrity;
use super::keeper::{Entry, Shared, Teller, Told};
use super::layout;
use super::listing::{Found, Lister, PARALLEL, Place, Places, is_wanted};
use crate::aws::s3::{ListRequest, Listed};
use crate::checkpoint::{Layout, ObjectId, TimeRange};
use crate::decode::notice::is_log_key;
use crate::source::download::{Downloads, ObjectLog, Wanted};
use crate::source::hash::TextHash;
use crate::source::notes::{Level, Notes};
use crate::source::remote::AbortOnDrop;
use crate::source::{Log, Receipt};
use jiff::Timestamp;
use std::future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

/// After how many passes a scan that follows looks for new accounts and regions.
const LOOK_AGAIN: u32 = 10;

/// A time window in seconds since the Unix epoch, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub start: i64,
    pub end: Option<i64>,
}

impl Window {
    /// Returns whether an object may be from inside the window, whose start counts to the minute as stamps do.
    fn has(&self, time: TimeRange) -> bool {
        time.high >= self.start.div_euclid(60).saturating_mul(60) && self.end.is_none_or(|end| time.low <= end)
    }
}

/// A scan of one bucket.
#[derive(Clone)]
pub(super) struct Scan {
    pub lister: Lister,
    pub prefix: String,
    pub accounts: Vec<String>,
    pub window: Option<Window>,
    /// How long to wait between passes; `None` is a scan with one pass.
    pub follow: Option<Duration>,
    pub downloads: Downloads,
    pub shared: Arc<Shared>,
    pub tell: Teller,
    /// What verifies the logs, where that is wanted.
    pub integrity: Option<Arc<Integrity>>,
    pub notes: Arc<Notes>,
}

/// A place that is being read: what was found there and waits, in key order, to be sent.
struct Line {
    place: Place,
    waiting: mpsc::UnboundedSender<Waiting>,
    /// How many more may wait.
    room: Arc<Semaphore>,
    downloads: JoinSet<()>,
}

/// A log whose download has begun.
struct Waiting {
    log: ObjectLog,
    ready: oneshot::Receiver<()>,
    _room: OwnedSemaphorePermit,
}

impl Scan {
    /// Scans, and sends a log for each new object. `places` are those that are known already.
    pub async fn run(self: Arc<Self>, known: Option<Places>, logs: mpsc::Sender<Box<dyn Log>>) {
        let scan = Arc::new(Self { tell: self.tell.begin(), ..Self::clone(&self) });
        let mut is_known = known.is_some();
        let mut places = known.unwrap_or_default();
        // At most one verification at a time, beside the next passes of a scan that follows.
        let mut verifying = JoinSet::new();
        for pass in 0_u32.. {
            if !is_known || places.logs.is_empty() || (pass > 0 && pass % LOOK_AGAIN == 0) {
                match scan.look().await {
                    Some(now) => (places, is_known) = (now, true),
                    // Nothing is known of the bucket yet: a scan with an end has not come to it.
                    None if !is_known && scan.follow.is_none() => return,
                    None => {}
                }
            }
            let Some(delivered) = scan.pass(&places.logs, &logs).await else { return };
            if (scan.follow.is_some() || scan.integrity.is_some()) && delivered.await.is_err() {
                // The keeper had a fault: the scan is about to be begun anew.
                return future::pending().await;
            }
            let is_verified = verifying.try_join_next().is_some() || verifying.is_empty();
            if let Some(integrity) = scan.integrity.clone().filter(|_| is_verified) {
                verifying.spawn(integrity.pass(places.digests.clone(), logs.clone()));
            }
            let Some(interval) = scan.follow else {
                verifying.join_all().await;
                return;
            };
            tokio::time::sleep(interval).await;
        }
    }

    /// Looks for places, for as long as it takes unless it is in vain.
    async fn look(&self) -> Option<Places> {
        match self.lister.places(&self.prefix, &self.accounts).await {
            Ok(Found { places, denied }) => {
                for (_, error) in denied {
                    self.notes.say(Level::Error, "denied", format!("{error}; nothing is read there"));
                }
                Some(places)
            }
            Err(error) => {
                self.notes.say(Level::Error, "denied", error.to_string());
                None
            }
        }
    }

    /// Reads all places once, each in key order, and returns what tells when all of it was delivered; `None` when nobody
    /// reads any more.
    async fn pass(
        self: &Arc<Self>,
        places: &[Place],
        logs: &mpsc::Sender<Box<dyn Log>>,
    ) -> Option<oneshot::Receiver<()>> {
        let permits = Arc::new(Semaphore::new(PARALLEL));
        let mut readings = JoinSet::new();
        for place in places.iter().cloned() {
            let (scan, permits, logs) = (Arc::clone(self), Arc::clone(&permits), logs.clone());
            readings.spawn(async move { scan.read(place, &permits, logs).await });
        }
        while let Some(read) = readings.join_next().await {
            match read {
                Ok(read) => read?,
                // The whole scan begins again then.
                Err(fault) => std::panic::resume_unwind(fault.try_into_panic().ok()?),
            }
        }
        let (over, delivered) = oneshot::channel();
        self.tell.tell(Told::AllListed(over))?;
        Some(delivered)
    }

    /// Reads a place once. A slow object holds back the ones behind it, not other places.
    async fn read(&self, place: Place, permits: &Semaphore, logs: mpsc::Sender<Box<dyn Log>>) -> Option<()> {
        let permit = permits.acquire().await.ok()?;
        let (waiting, to_send) = mpsc::unbounded_channel();
        let sending = AbortOnDrop(tokio::spawn(send_in_order(to_send, logs)));
        let room = Arc::new(Semaphore::new(self.downloads.most_waiting()));
        let mut line = Line { place, waiting, room, downloads: JoinSet::new() };
        let to_end = self.list(&mut line).await;
        drop(permit);
        let Line { place, waiting, mut downloads, .. } = line;
        self.tell.tell(Told::Listed(place, to_end))?;
        drop(waiting);
        sending.join().await.ok()?;
        while downloads.join_next().await.is_some() {}
        Some(())
    }

    /// Begins to download an object; `None` when nobody reads any more.
    async fn begin(&self, line: &mut Line, entry: Entry, bytes: u64) -> Option<()> {
        let room = Arc::clone(&line.room).acquire_owned().await.ok()?;
        self.notes.logs_found.add(1);
        self.notes.bytes_found.add(bytes);
        let place = line.place.clone();
        self.tell.tell(Told::Found(Arc::clone(&place.prefix)))?;
        let bucket = Arc::clone(&self.lister.bucket);
        let wanted = Wanted { bucket, key: entry.key.clone(), bytes: Some(bytes) };
        let mut download = self.downloads.start(&mut line.downloads, wanted, None).await;
        let mut remember = None;
        if let Some(integrity) = self.integrity.clone() {
            let (text_hash, hash) = TextHash::new();
            download.log = download.log.with_hash(text_hash);
            let (id, key) = (download.id, entry.key.clone());
            remember = Some(move || {
                if let (Some(id), Some(hash)) = (id.get(), hash.get()) {
                    integrity.remember(&key, *id, *hash);
                }
            });
        }
        let tell = self.tell.clone();
        let receipt = Receipt::new(move |verdict| {
            if let Some(remember) = remember {
                remember();
            }
            // Nobody is told when the source is closed.
            let _ = tell.tell(Told::Settled(place, entry, verdict));
        });
        let log = download.log.with_receipt(receipt);
        line.waiting.send(Waiting { log, ready: download.ready, _room: room }).ok()
    }

    /// Lists a place from where its position stands; returns whether to its end.
    async fn list(&self, line: &mut Line) -> bool {
        let place = &line.place.clone();
        let region = layout::region_folder(&place.prefix).filter(|_| place.layout == Layout::Dated);
        let from = {
            let mut positions = self.shared.positions();
            let partition = positions.partition(&place.prefix, place.layout);
            partition.pass_begins(Timestamp::now().as_second());
            let start = self.window.map(|window| window.start).max(partition.list_from());
            match region {
                Some(region) => start.map(|start| layout::day_folder(region, start)),
                None => partition.resume_after().map(str::to_owned),
            }
        };
        let end = region.zip(self.window.and_then(|window| window.end));
        // Behind the folder of the last day, whatever the names in it.
        let end = end.map(|(region, end)| format!("{}\u{10ffff}", layout::day_folder(region, end)));
        let mut request = ListRequest {
            prefix: place.prefix.to_string(),
            delimiter: place.folder_only,
            start_after: from.filter(|from| from.as_str() > &*place.prefix),
            continuation: None,
        };
        loop {
            let page = match self.lister.page(&request).await {
                Ok(page) => page,
                Err(error) => {
                    self.notes.say(Level::Error, "denied", format!("{error}; nothing more is read there"));
                    return false;
                }
            };
            for object in page.objects {
                if end.as_ref().is_some_and(|end| object.key > *end) {
                    return true;
                }
                if let Some((entry, bytes)) = self.entry(place, object)
                    && self.begin(line, entry, bytes).await.is_none()
                {
                    return false;
                }
            }
            request.continuation = page.next;
            if request.continuation.is_none() {
                return true;
            }
        }
    }

    /// Returns an object that is to be read.
    fn entry(&self, place: &Place, object: Listed) -> Option<(Entry, u64)> {
        let Listed { key, bytes, etag, modified_s } = object;
        if !is_log_key(&key) || !is_wanted(&key, &self.accounts) {
            return None;
        }
        let written = layout::time_of(&key);
        if self.window.is_some_and(|window| !window.has(written.unwrap_or(TimeRange::at(modified_s)))) {
            return None;
        }
        let time = match place.layout {
            Layout::Flat => TimeRange::at(modified_s),
            // What is not dated among what is says nothing about the others, and is remembered for good.
            Layout::Dated => written.unwrap_or(TimeRange { low: 0, high: i64::MAX }),
        };
        let id = ObjectId::of(&[&self.lister.bucket, &key, &etag]);
        let entry = Entry { key, id, time };
        let is_new = self.shared.positions().partition(&place.prefix, place.layout).is_new(&entry.object());
        is_new.then_some((entry, bytes))
    }
}

/// Sends the logs of one place in their order, each when reading it does not wait for the network.
async fn send_in_order(mut waiting: mpsc::UnboundedReceiver<Waiting>, logs: mpsc::Sender<Box<dyn Log>>) {
    while let Some(Waiting { log, ready, _room }) = waiting.recv().await {
        let _ = ready.await;
        if logs.send(Box::new(log)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_to_the_minute() {
        let has = |window: Window, low, high| window.has(TimeRange { low, high });
        let from = Window { start: 90, end: None };
        assert!(has(from, 60, 60) && has(from, 0, 86_399) && !has(from, 59, 59));
        let between = Window { start: 90, end: Some(150) };
        assert!(has(between, 120, 120) && has(between, 150, 150) && !has(between, 180, 180));
    }
}
