//! Downloads objects ahead of their reading: many at a time, in bounded memory, past every fault of the network.
//!
//! An object flows through a window of its own, which is set apart before the download starts: whatever waits, the
//! object that is read next has room to go on. A download that breaks goes on where it broke.

use super::backoff::Backoff;
use super::hash::TextHash;
use super::memory::Memory;
use super::notes::{Level, Notes};
use super::{Log, Receipt, address};
use crate::aws::s3::Objects;
use crate::aws::{AwsError, Kind, Service};
use crate::checkpoint::ObjectId;
use crate::decode::gunzip::Piece as TextPiece;
use crate::decode::{Cause, ReadFault, Skip};
use bytes::{Buf, Bytes};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

/// The largest and the smallest window of an object.
const WINDOW: usize = 1 << 20;
const SMALL_WINDOW: usize = 1 << 16;

/// How long an object is tried that gives nothing while others do: they wait for its slot. It comes again.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The most downloads at a time, whatever is asked for: each has a descriptor of Falco's process.
const MOST_DOWNLOADS: usize = 1024;

/// An object to download.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub bucket: Arc<str>,
    pub key: String,
    /// Its size, when it is known before.
    pub bytes: Option<u64>,
}

impl Wanted {
    /// Returns the object's address, safe for a line of the log.
    pub fn name(&self) -> String {
        address(&self.bucket, &self.key)
    }
}

/// Asks whether an object with this id was read before.
pub(super) type Known = Arc<dyn Fn(ObjectId) -> bool + Send + Sync>;

/// Starts downloads.
#[derive(Clone)]
pub(super) struct Downloads {
    objects: Objects,
    slots: Arc<Semaphore>,
    concurrency: usize,
    memory: Memory,
    /// When an object gave something last.
    last_success: Arc<Mutex<Instant>>,
    notes: Arc<Notes>,
}

/// An object that is being downloaded.
pub(super) struct Download {
    /// The object as a log.
    pub log: ObjectLog,
    /// Comes when reading it does not wait for the network: it is complete, or its window is full.
    pub ready: oneshot::Receiver<()>,
    /// What the object turned out to be, once it answered.
    pub id: Arc<OnceLock<ObjectId>>,
}

impl Downloads {
    /// Prepares for `concurrency` downloads at a time that hold up to `memory` bytes.
    pub fn new(objects: Objects, concurrency: usize, memory: usize, notes: Arc<Notes>) -> Self {
        let concurrency = concurrency.min(MOST_DOWNLOADS);
        let memory = Memory::new(memory);
        // One source has one set of downloads.
        let _ = notes.memory.set(memory.clone());
        Self {
            objects,
            slots: Arc::new(Semaphore::new(concurrency)),
            concurrency,
            memory,
            last_success: Arc::new(Mutex::new(Instant::now())),
            notes,
        }
    }

    /// Returns how many downloads of one line, whose order counts, may wait: enough to keep every slot busy.
    pub fn most_waiting(&self) -> usize {
        2 * self.concurrency
    }

    /// Returns the memory for what is read ahead.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Starts a download when there is memory and a slot for it, in the order of the calls: the object that is read next
    /// must not wait behind others that wait for it to be read. An object that is `known` is not read.
    pub async fn start(&self, tasks: &mut JoinSet<()>, wanted: Wanted, known: Option<Known>) -> Download {
        while tasks.try_join_next().is_some() {}
        // Whoever writes a message may say any size.
        let size = wanted.bytes.map_or(WINDOW / 4, |bytes| usize::try_from(bytes).unwrap_or(WINDOW));
        let size = size.clamp(SMALL_WINDOW, WINDOW);
        let window = self.memory.share(size);
        let memory = self.memory.reserve(window).await;
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let room = Arc::new(Semaphore::new(window));
        let (pieces, received) = mpsc::unbounded_channel();
        let (ready, is_ready) = oneshot::channel();
        let id = Arc::new(OnceLock::new());
        let log = ObjectLog {
            name: wanted.name(),
            bytes: wanted.bytes.unwrap_or(0),
            reader: Some(ObjectReader {
                received,
                room: Arc::clone(&room),
                piece: Bytes::new(),
                ended: false,
                _memory: memory,
            }),
            receipt: None,
            hash: None,
        };
        let pieces = Pieces { sender: pieces, room, window, ready: Some(ready) };
        let fetch = Fetch { wanted, known, id: Arc::clone(&id), pieces, offset: 0, etag: None };
        let downloads = self.clone();
        tasks.spawn(async move {
            // The slot is kept while the network is waited for: an object that is read next must not queue again.
            let _slot = slot;
            fetch.run(&downloads).await;
        });
        Download { log, ready: is_ready, id }
    }
}

/// What passes from the download to the reading; `None` is the end.
type Piece = Result<Option<Bytes>, ReadFault>;

/// The reading has ended before the object: it is damaged, or the source is closed.
struct Unread;

struct Pieces {
    sender: mpsc::UnboundedSender<Piece>,
    /// The bytes that the window has room for.
    room: Arc<Semaphore>,
    window: usize,
    ready: Option<oneshot::Sender<()>>,
}

impl Pieces {
    /// Sends bytes when there is room for them; fails when nobody reads them any more.
    async fn send(&mut self, mut bytes: Bytes) -> Result<(), Unread> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(self.window));
            if self.room.available_permits() < piece.len() {
                self.is_ready();
            }
            self.room.acquire_many(piece.len() as u32).await.map_err(|_| Unread)?.forget();
            self.sender.send(Ok(Some(piece))).map_err(|_| Unread)?;
        }
        Ok(())
    }

    fn end(&mut self, end: Result<(), ReadFault>) {
        let _ = self.sender.send(end.map(|()| None));
        self.is_ready();
    }

    fn is_ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(());
        }
    }
}

struct Fetch {
    wanted: Wanted,
    known: Option<Known>,
    id: Arc<OnceLock<ObjectId>>,
    pieces: Pieces,
    offset: u64,
    etag: Option<String>,
}

impl Fetch {
    /// Downloads, again and again until the object is complete or there is no use in it.
    async fn run(mut self, downloads: &Downloads) {
        let Downloads { objects, last_success, notes, .. } = downloads;
        let mut backoff = Backoff::default();
        let mut since = Instant::now();
        loop {
            let before = self.offset;
            match self.attempt(objects).await {
                Ok(end) => {
                    notes.objects.add(u64::from(end.is_ok()));
                    *last_success.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                    return self.pieces.end(end);
                }
                Err(error) if error.is_transient() => {
                    if self.offset > before {
                        backoff = Backoff::default();
                        since = Instant::now();
                    }
                    // As long as no object gives anything, the trouble is not this one's.
                    let others_succeed = *last_success.lock().unwrap_or_else(PoisonError::into_inner) > since;
                    if others_succeed && since.elapsed() > PATIENCE {
                        let fault = ReadFault { cause: Cause::Unreachable, detail: error.to_string() };
                        return self.pieces.end(Err(fault));
                    }
                    notes.retry(Service::S3, "retry", Level::Warn, &error);
                    backoff.wait().await;
                }
                Err(error) => return self.pieces.end(Err(fault(&error, self.offset))),
            }
        }
    }

    async fn attempt(&mut self, objects: &Objects) -> Result<Result<(), ReadFault>, AwsError> {
        let Wanted { bucket, key, .. } = self.wanted.clone();
        let if_match = self.etag.as_deref().filter(|_| self.offset > 0);
        let mut body = objects.get(&bucket, &key, self.offset, if_match).await?;
        if self.offset == 0 {
            self.etag = body.etag.clone();
            let id = ObjectId::of(&[&bucket, &key, body.etag.as_deref().unwrap_or_default()]);
            let _ = self.id.set(id);
            if self.known.as_ref().is_some_and(|known| known(id)) {
                return Ok(Err(ReadFault { cause: Cause::ReadBefore, detail: String::new() }));
            }
        }
        while let Some(bytes) = body.next_chunk().await {
            let bytes = bytes?;
            let length = bytes.len() as u64;
            if self.pieces.send(bytes).await.is_err() {
                break;
            }
            self.offset += length;
        }
        Ok(Ok(()))
    }
}

/// Returns why an object is skipped that cannot be had.
fn fault(error: &AwsError, offset: u64) -> ReadFault {
    let cause = match error.kind() {
        Kind::Gone if offset == 0 => Cause::Gone,
        Kind::Denied | Kind::NotEnabled | Kind::Archived => Cause::Denied,
        _ => Cause::Unreadable,
    };
    ReadFault { cause, detail: error.to_string() }
}

/// An object as a log: reading it waits for the download.
pub(super) struct ObjectLog {
    name: String,
    bytes: u64,
    reader: Option<ObjectReader>,
    receipt: Option<Receipt>,
    hash: Option<TextHash>,
}

impl ObjectLog {
    /// Adds what the source wants to have back.
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.receipt = Some(receipt);
        self
    }

    /// Hashes the text while it is read.
    pub fn with_hash(mut self, hash: TextHash) -> Self {
        self.hash = Some(hash);
        self
    }
}

impl Log for ObjectLog {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
        let mut reader = self.reader.take().ok_or(Skip { cause: Cause::Internal, at: None, detail: None })?;
        // What is known at once is no fault at some byte.
        reader.receive()?;
        Ok(Box::new(reader))
    }

    fn observe(&mut self, piece: &TextPiece) {
        if let Some(hash) = &mut self.hash {
            hash.add(piece);
        }
    }

    fn receipt(&mut self) -> Option<Receipt> {
        self.receipt.take()
    }
}

struct ObjectReader {
    received: mpsc::UnboundedReceiver<Piece>,
    room: Arc<Semaphore>,
    piece: Bytes,
    ended: bool,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Drop for ObjectReader {
    /// Ends the download when it is not read to its end.
    fn drop(&mut self) {
        self.room.close();
    }
}

impl ObjectReader {
    /// Waits for the next piece; at the end it is empty.
    fn receive(&mut self) -> io::Result<()> {
        let piece = match self.received.blocking_recv() {
            Some(Ok(piece)) => piece,
            Some(Err(fault)) => return Err(io::Error::other(fault)),
            // The download was aborted.
            None => {
                let detail = "the source is closed".to_owned();
                return Err(io::Error::other(ReadFault { cause: Cause::Unreachable, detail }));
            }
        };
        self.ended = piece.is_none();
        self.piece = piece.unwrap_or_default();
        self.room.add_permits(self.piece.len());
        Ok(())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && !self.ended {
            self.receive()?;
        }
        (&mut self.piece).reader().read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log whose download sends these pieces and ends.
    fn log(pieces: Vec<Piece>) -> ObjectLog {
        let (sender, received) = mpsc::unbounded_channel();
        pieces.into_iter().for_each(|piece| sender.send(piece).unwrap());
        let room = Arc::new(Semaphore::new(0));
        let reader = ObjectReader { received, room, piece: Bytes::new(), ended: false, _memory: None };
        ObjectLog { name: "s3://b/k".into(), bytes: 0, reader: Some(reader), receipt: None, hash: None }
    }

    fn piece(text: &'static str) -> Piece {
        Ok(Some(Bytes::from_static(text.as_bytes())))
    }

    fn fault(cause: Cause) -> Piece {
        Err(ReadFault { cause, detail: "why".into() })
    }

    #[test]
    fn pieces_are_read_to_their_end_and_the_end_stays() {
        let mut reader = log(vec![piece("ab"), piece("c"), Ok(None)]).open().unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), reader.read(&mut [0; 4]).unwrap()), ("abc", 0));
        assert_eq!(log(vec![Ok(None)]).open().unwrap().read(&mut [0; 4]).unwrap(), 0, "an empty object");
    }

    #[test]
    fn a_fault_has_its_cause_at_the_start_and_in_the_middle() {
        let skip = log(vec![fault(Cause::Gone)]).open().err().unwrap();
        assert_eq!(skip, Skip { cause: Cause::Gone, at: None, detail: Some("why".into()) });
        let mut reader = log(vec![piece("ab"), fault(Cause::Denied)]).open().unwrap();
        let skip = Skip::from(reader.read_to_string(&mut String::new()).unwrap_err());
        assert_eq!(skip.cause, Cause::Denied);
        let skip = log(vec![]).open().err().unwrap();
        assert_eq!(skip.cause, Cause::Unreachable, "a download that was aborted");
    }

    #[test]
    fn a_reader_gives_the_room_back_and_closes_it_when_it_is_gone() {
        let mut log = log(vec![piece("abc"), Ok(None)]);
        let room = Arc::clone(&log.reader.as_ref().unwrap().room);
        let mut reader = log.open().unwrap();
        reader.read_to_string(&mut String::new()).unwrap();
        assert_eq!((room.available_permits(), room.is_closed()), (3, false));
        drop(reader);
        assert!(room.is_closed(), "a download that is not read to its end has nobody to wait for");
    }
}
