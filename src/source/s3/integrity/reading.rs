//! Reads digests, and logs whose hash is not known, past troubles of the network.

use super::super::listing::Lister;
use super::digest::{Flaw, LogFile, Stored};
use super::hashes::Hashes;
use crate::aws::s3::ListRequest;
use crate::aws::{AwsError, Kind, Service};
use crate::checkpoint::ObjectId;
use crate::decode::buffer::Buffers;
use crate::decode::gunzip::{InflateLimits, LogText, Piece};
use crate::decode::{Cause, Skip};
use crate::source::Log;
use crate::source::backoff::Backoff;
use crate::source::download::{Downloads, ObjectLog, Wanted};
use crate::source::hash::{Hash, TextHash};
use crate::source::notes::{Level, Notes};
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Bytes that a digest may have, as it is stored and inflated. One that names 10,000 logs has less than half.
const MOST_STORED: usize = 4 << 20;
const MOST_TEXT: usize = 16 << 20;

/// How many times its size a log may inflate to, once it has given 256 MiB.
const INFLATE_RATIO: u64 = 1000;

/// How many logs are read at a time for their hash alone. Each has a thread, of which the runtime needs some for itself.
pub(super) const HASHING: usize = 8;

/// Why a digest cannot be verified.
pub(super) enum Miss {
    /// It is not there.
    Gone,
    /// It is there and cannot be one.
    Flawed(Flaw),
    /// It may not be read.
    Refused(AwsError),
    /// The public keys may not be listed.
    Keyless(AwsError),
}

/// What came of a log that a digest names: its hash, or why there is none.
pub(super) type Read = (LogFile, Result<Hash, Skip>);

/// The ETags of logs, by their keys.
pub(super) type Etags = HashMap<String, String>;

#[derive(Clone)]
pub(super) struct Reader {
    pub lister: Lister,
    pub downloads: Downloads,
    pub hashes: Arc<Hashes>,
    /// Whether logs are read long before their digests come, and may be gone by then.
    pub follows: bool,
    pub buffers: Buffers,
    /// What bounds how many digests are read at a time, and how many logs.
    pub fetching: Arc<Semaphore>,
    pub hashing: Arc<Semaphore>,
    pub notes: Arc<Notes>,
}

impl Reader {
    /// Gets a digest.
    pub async fn digest(&self, key: &str) -> Result<Stored, Miss> {
        let mut backoff = Backoff::default();
        loop {
            match self.try_digest(key).await {
                Ok((stored, metadata)) => {
                    let text = self.inflate(stored).map_err(Miss::Flawed)?;
                    let named = |name: &str| metadata.get(name).cloned();
                    return Ok(Stored { text, signature: named("signature"), algorithm: named("signature-algorithm") });
                }
                Err(error) if error.is_transient() => {
                    self.notes.retry(Service::S3, "retry", Level::Warn, &error);
                    backoff.wait().await;
                }
                Err(error) if error.kind() == Kind::Gone => return Err(Miss::Gone),
                Err(error) => return Err(Miss::Refused(error)),
            }
        }
    }

    /// Gets the bytes of a digest, and one more than it may have of one that is too large.
    async fn try_digest(&self, key: &str) -> Result<(Vec<u8>, HashMap<String, String>), AwsError> {
        let mut body = self.lister.objects.get(&self.lister.bucket, key, 0, None).await?;
        let mut bytes = Vec::new();
        while bytes.len() <= MOST_STORED
            && let Some(chunk) = body.next_chunk().await
        {
            bytes.extend(chunk?);
        }
        Ok((bytes, body.metadata))
    }

    fn inflate(&self, stored: Vec<u8>) -> Result<Vec<u8>, Flaw> {
        let is_too_large = stored.len() > MOST_STORED;
        let mut pieces = LogText::new(Cursor::new(stored), InflateLimits::default(), &self.buffers);
        let mut text = Vec::new();
        loop {
            if is_too_large || text.len() > MOST_TEXT {
                let most = format!("{} MiB or less, {} MiB inflated", MOST_STORED >> 20, MOST_TEXT >> 20);
                return Err(Flaw::new("the digest is too large for one", &most, "more"));
            }
            match pieces.next_piece() {
                Piece::Text(piece) => text.extend_from_slice(&piece),
                Piece::End(None) => return Ok(text),
                Piece::End(Some(skip)) => {
                    return Err(Flaw::new("the digest is damaged", "gzip data", &skip.cause.to_string()));
                }
            }
        }
    }

    /// Finds the hashes of logs: of those that were read and are still as they were then, without reading them again.
    pub async fn logs(&self, files: Vec<LogFile>, etags: &Etags) -> Vec<Read> {
        let (mut read, mut running) = (Vec::with_capacity(files.len()), JoinSet::new());
        for file in files {
            let known = self.hashes.take(ObjectId::of(&[&file.bucket, &file.key]));
            let is_there = |object: &ObjectId| {
                let is_same = |etag: &String| *object == ObjectId::of(&[&file.bucket, &file.key, etag]);
                !self.follows || etags.get(&file.key).is_some_and(is_same)
            };
            if let Some((_, hash)) = known.filter(|(object, _)| is_there(object)) {
                read.push((file, Ok(hash)));
                continue;
            }
            if running.len() >= HASHING {
                read.extend(running.join_next().await.and_then(Result::ok));
            }
            let reader = self.clone();
            running.spawn(async move {
                let hash = reader.hash(&file).await;
                (file, hash)
            });
        }
        while let Some(done) = running.join_next().await {
            read.extend(done.ok());
        }
        read
    }

    /// Lists the ETags of logs that are in the bucket now, as far as it can be listed; none where they have just been read.
    pub async fn etags(&self, files: impl Iterator<Item = &LogFile>) -> Etags {
        let mut spans: HashMap<&str, (&str, &str)> = HashMap::new();
        for file in files.filter(|file| self.follows && *file.bucket == *self.lister.bucket) {
            let folder = file.key.rfind('/').and_then(|end| file.key.get(..=end)).unwrap_or_default();
            let (first, last) = spans.entry(folder).or_insert((&file.key, &file.key));
            (*first, *last) = ((*first).min(&file.key), (*last).max(&file.key));
        }
        let mut etags = Etags::new();
        for (folder, (first, last)) in spans {
            // Just before the first one.
            let mut before = first.to_owned();
            before.pop();
            let start_after = Some(before).filter(|before| before.as_str() > folder);
            let mut request =
                ListRequest { prefix: folder.to_owned(), delimiter: true, start_after, continuation: None };
            while let Ok(page) = self.lister.page(&request).await {
                let is_behind = page.objects.last().is_some_and(|object| object.key.as_str() >= last);
                let wanted = page.objects.into_iter().filter(|object| object.key.as_str() <= last);
                etags.extend(wanted.map(|object| (object.key, object.etag)));
                request.continuation = page.next;
                if is_behind || request.continuation.is_none() {
                    break;
                }
            }
        }
        etags
    }

    /// Reads a log for its hash.
    async fn hash(&self, file: &LogFile) -> Result<Hash, Skip> {
        let _permit = self.hashing.acquire().await;
        let mut tasks = JoinSet::new();
        let wanted = Wanted { bucket: file.bucket.as_str().into(), key: file.key.clone(), bytes: None };
        let log = self.downloads.start(&mut tasks, wanted, None).await.log;
        let buffers = self.buffers.clone();
        let hashed = tokio::task::spawn_blocking(move || hash_of(log, &buffers)).await;
        hashed.unwrap_or(Err(Skip { cause: Cause::Internal, at: None, detail: None }))
    }
}

fn hash_of(mut log: ObjectLog, buffers: &Buffers) -> Result<Hash, Skip> {
    let mut text = LogText::new(log.open()?, InflateLimits { ratio: INFLATE_RATIO, bytes: 0 }, buffers);
    let (mut hash, result) = TextHash::new();
    loop {
        let piece = text.next_piece();
        hash.add(&piece);
        if let Piece::End(damage) = piece {
            let fault = || Skip { cause: Cause::Internal, at: None, detail: None };
            return result.get().copied().ok_or_else(|| damage.unwrap_or_else(fault));
        }
    }
}
