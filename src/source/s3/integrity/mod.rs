//! Log integrity: verifies the chain of CloudTrail's digests and the logs that they name, and tells Falco of what is
//! wrong by events in the stream of logs.
//!
//! Digests are verified when all logs that were found so far are delivered. The hashes of logs are those that were taken
//! when they were read; what was not read, or is another object now, is read for its hash alone. How far the digests are
//! verified is kept; it moves when Falco went through the events about them.

mod chain;
mod check;
mod digest;
mod fault;
mod hashes;
mod keys;
mod reading;

use super::layout;
use super::listing::Lister;
use crate::aws::Connection;
use crate::aws::s3::{ListRequest, Listed};
use crate::checkpoint::{ObjectId, StateFile};
use crate::decode::buffer::Buffers;
use crate::source::Log;
use crate::source::download::Downloads;
use crate::source::hash::{Hash, hex};
use crate::source::notes::{Level, Notes};
use chain::{Folder, Found, Kept};
use check::Next;
use digest::{Flaw, Name};
use jiff::Timestamp;
use keys::Keys;
use reading::{HASHING, Reader};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// How many folders are verified at a time.
const PARALLEL: usize = 16;

/// How many digests are read at a time: before they are found to be good they may be a stranger's, of any size allowed.
const FETCHING: usize = 8;

/// How many digests of a folder are read together, and the logs listed that they name.
const AT_A_TIME: usize = 50;

/// After how many digests it is made to last how far they are verified, besides at the end of each folder.
const SAVE_AFTER: u64 = 100;

/// How long before the start of a window the hour of a digest may end.
const HOUR: i64 = 60 * 60;

/// Where a verifier begins.
pub(super) struct Start {
    pub keys: Vec<Vec<u8>>,
    /// The time from which, and until when, logs are read.
    pub window: Option<(i64, Option<i64>)>,
    /// What was kept when it ran last.
    pub kept: Option<Vec<u8>>,
    /// From when on digests count when nothing was kept.
    pub since: Option<i64>,
    pub file: Option<StateFile>,
    /// Whether the scan is one without end.
    pub follows: bool,
}

/// Verifies the digests of a bucket.
pub(super) struct Integrity {
    reader: Reader,
    keys: Keys,
    /// The latest end of a digest's hour that counts.
    until: Option<i64>,
    kept: Mutex<Kept>,
    file: Option<Arc<StateFile>>,
    verified: AtomicU64,
    /// Whether a digest was found, or it was told that there is none.
    is_found: AtomicBool,
    notes: Arc<Notes>,
}

/// The source is closed.
struct Closed;

impl Integrity {
    pub fn new(start: Start, connection: Connection, lister: Lister, downloads: Downloads, notes: Arc<Notes>) -> Self {
        let Start { keys, window, kept, since, file, follows } = start;
        let kept = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let reader = Reader {
            lister,
            downloads,
            hashes: Arc::default(),
            follows,
            buffers: Buffers::default(),
            fetching: Arc::new(Semaphore::new(FETCHING)),
            hashing: Arc::new(Semaphore::new(HASHING)),
            notes: Arc::clone(&notes),
        };
        Self {
            reader,
            keys: Keys::new(keys, connection, Arc::clone(&notes)),
            until: window.and_then(|(_, end)| end).map(|end| end + HOUR),
            kept: Mutex::new(kept.unwrap_or_else(|| Kept { secret: secret(), since, folders: BTreeMap::new() })),
            file: file.map(Arc::new),
            verified: AtomicU64::new(0),
            is_found: AtomicBool::new(false),
            notes,
        }
    }

    /// Remembers the hash of a log that was read, the object of this key and id.
    pub fn remember(&self, key: &str, id: ObjectId, hash: Hash) {
        self.reader.hashes.insert(ObjectId::of(&[&self.reader.lister.bucket, key]), id, hash);
    }

    /// Verifies what is new in these folders.
    pub async fn pass(self: Arc<Self>, folders: Vec<String>, logs: mpsc::Sender<Box<dyn Log>>) {
        let permits = Arc::new(Semaphore::new(PARALLEL));
        let mut running = JoinSet::new();
        for folder in folders {
            let (integrity, permits, logs) = (Arc::clone(&self), Arc::clone(&permits), logs.clone());
            running.spawn(async move {
                let _permit = permits.acquire().await;
                let _ = integrity.folder(&folder, &logs).await;
            });
        }
        while running.join_next().await.is_some() {}
        if !self.is_found.swap(true, Ordering::Relaxed) {
            let text = "verifyDigests: no digest files are here: log file validation of the trail is off, or what is read \
                        is not in CloudTrail's own folders";
            self.notes.say(Level::Warn, "integrity", text);
        }
        self.save().await;
    }

    /// Verifies what is new in a folder, in the order of its keys.
    async fn folder(self: &Arc<Self>, folder: &str, logs: &mpsc::Sender<Box<dyn Log>>) -> Result<(), Closed> {
        let (mut state, since) = {
            let kept = self.kept();
            (kept.folders.get(folder).cloned().unwrap_or_default(), kept.since)
        };
        let start = state.list_from(folder).or_else(|| since.map(|since| layout::day_folder(folder, since)));
        let mut request = ListRequest { prefix: folder.to_owned(), start_after: start, ..ListRequest::default() };
        // Chains in which a digest came later than the one behind it, since the listing began.
        let mut waiting = HashSet::new();
        loop {
            let page = match self.reader.lister.page(&request).await {
                Ok(page) => page,
                Err(error) => {
                    self.refused(&error.to_string());
                    return Ok(());
                }
            };
            let counts = |end| since.is_none_or(|since| end >= since) && self.until.is_none_or(|until| end <= until);
            let new: Vec<Found> = page
                .objects
                .into_iter()
                .filter_map(|Listed { key, etag, .. }| Some(Found { name: Name::parse(&key)?, key, etag }))
                .filter(|found| counts(found.name.end) && !state.is_done(found))
                .collect();
            for several in new.chunks(AT_A_TIME) {
                self.is_found.store(true, Ordering::Relaxed);
                self.digests(&mut state, folder, several, &mut waiting, logs).await?;
            }
            request.continuation = page.next;
            if request.continuation.is_none() {
                break;
            }
        }
        self.overdue(&mut state, folder, logs).await
    }

    /// Verifies some digests, which are read together and delivered in their order.
    async fn digests(
        self: &Arc<Self>,
        state: &mut Folder,
        folder: &str,
        several: &[Found],
        waiting: &mut HashSet<String>,
        logs: &mpsc::Sender<Box<dyn Log>>,
    ) -> Result<(), Closed> {
        let mut running = JoinSet::new();
        for (place, found) in several.iter().cloned().enumerate() {
            let (integrity, folder) = (Arc::clone(self), folder.to_owned());
            running.spawn(async move { (place, integrity.examine(&folder, &found).await) });
        }
        let mut examined = BTreeMap::new();
        while let Some(done) = running.join_next().await {
            examined.extend(done);
        }
        let good = examined.values().filter_map(|examined| examined.as_ref().ok());
        let etags = self.reader.etags(good.flat_map(|(digest, _)| digest.files.iter().flatten())).await;
        for (place, examined) in examined {
            let Some(found) = several.get(place).filter(|found| !waiting.contains(&found.name.chain)) else { continue };
            match self.digest(state, folder, found, examined, &etags, logs).await? {
                Next::Digest => {}
                Next::Later if found.name.is_backfill => {}
                Next::Later => _ = waiting.insert(found.name.chain.clone()),
            }
        }
        Ok(())
    }

    /// Tells of chains that went on until lately and do no more.
    async fn overdue(&self, state: &mut Folder, folder: &str, logs: &mpsc::Sender<Box<dyn Log>>) -> Result<(), Closed> {
        for last in state.overdue(Timestamp::now().as_second()) {
            let flaw = Flaw::new("no good digest comes behind this one any more", "a digest each hour", "");
            self.deliver(&[self.invalid(&last, flaw)], folder, &last, logs).await?;
            self.kept().folders.insert(folder.to_owned(), state.clone());
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn save(&self) {
        let Some(file) = self.file.clone() else { return };
        let Ok(bytes) = serde_json::to_vec(&*self.kept()) else { return };
        let saved = tokio::task::spawn_blocking(move || file.save(&bytes)).await;
        if let Ok(Err(error)) = saved {
            self.notes.say(Level::Warn, "state", format!("{error}; a restart will verify digests again"));
        }
    }
}

/// Returns a text that cannot be guessed.
fn secret() -> String {
    let mut bytes = [0; 16];
    // Without the system's random numbers, of which there are always some, ids could be known before.
    let _ = SystemRandom::new().fill(&mut bytes);
    hex(&bytes)
}
