//! Receives messages and sends what they lead to: the objects that they name, or the events inside of them.

use super::Connected;
use super::keeper::{self, Room, Told, Work};
use crate::aws::sqs::{Attributes, Message, Queue};
use crate::aws::{AwsError, Service};
use crate::checkpoint::{DoneSet, ObjectId};
use crate::decode::name::DIGEST_FOLDER;
use crate::decode::notice::{self, MessageLimits, Notice, NoticeError, ObjectRef};
use crate::decode::{Cause, Skip};
use crate::source::backoff::Backoff;
use crate::source::download::{Downloads, Known, Wanted};
use crate::source::notes::{Level, Notes};
use crate::source::remote::AbortOnDrop;
use crate::source::text::TextLog;
use crate::source::{Log, Receipt, address, printable};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// How many messages a call can give.
const MOST: u8 = 10;

/// How long a call waits for a message, in seconds: as long as the service allows, since each call costs.
const LONG_WAIT: u8 = 20;

/// How long a call waits while messages are in work, in seconds: what is in work may have to be given back, and must not
/// be taken by a call that is left behind.
const SHORT_WAIT: u8 = 1;

/// How often to ask how many messages wait.
const DEPTH_INTERVAL: Duration = Duration::from_secs(60);

/// How many more receive loops there are while messages come faster than one can fetch them.
const MORE_LOOPS: usize = 3;

/// Receives from one queue.
pub(super) struct Poll {
    /// The queue's name in lines of the log.
    pub name: String,
    pub downloads: Downloads,
    /// The buckets that messages may name, or none for all.
    pub buckets: Vec<String>,
    pub limits: MessageLimits,
    /// What was read before.
    pub done: Arc<Mutex<DoneSet>>,
    /// How many more messages may be in work, and how many at all.
    pub room: Arc<Room>,
    pub capacity: usize,
    pub tell: mpsc::UnboundedSender<Told>,
    pub notes: Arc<Notes>,
    pub numbers: AtomicU64,
    /// Told when a call gave as many messages as it can.
    pub busy: Notify,
}

/// A part of a message that is to be delivered.
enum Part {
    Object(ObjectRef),
    Event(String),
    /// What is not read, and why.
    Skipped(String, Skip),
}

impl Poll {
    /// Receives without end.
    pub async fn run(self: Arc<Self>, connected: &Connected, logs: mpsc::Sender<Box<dyn Log>>) {
        let queue = &connected.queue;
        let _ = self.tell.send(Told::Begun);
        let mut loops = JoinSet::new();
        for _ in 0..MORE_LOOPS {
            loops.spawn(Arc::clone(&self).help(queue.clone(), logs.clone()));
        }
        loops.spawn(Arc::clone(&self).measure(queue.clone()));
        let mut tasks = JoinSet::new();
        let first = connected.take_first();
        if let Ok(room) = self.room.free.acquire_many(first.len() as u32).await {
            room.forget();
            let received = self.begin(first);
            self.deliver_all(received, &mut tasks, &logs).await;
        }
        loop {
            self.receive(queue, LONG_WAIT, &mut tasks, &logs).await;
        }
    }

    /// Receives while there is more than the first loop can fetch.
    async fn help(self: Arc<Self>, queue: Queue, logs: mpsc::Sender<Box<dyn Log>>) {
        let mut tasks = JoinSet::new();
        loop {
            self.busy.notified().await;
            while self.receive(&queue, 0, &mut tasks, &logs).await > 0 {}
        }
    }

    /// Asks how many messages wait, unless the queue is idle: then it costs its long polls alone, which tell that none
    /// does.
    async fn measure(self: Arc<Self>, queue: Queue) {
        let Notes { messages, messages_in_work, queue_depth, .. } = &*self.notes;
        let mut before = messages.get();
        loop {
            tokio::time::sleep(DEPTH_INTERVAL).await;
            let received = messages.get();
            let is_idle = received == mem::replace(&mut before, received) && messages_in_work.get() == Some(0);
            if is_idle {
                continue;
            }
            match queue.attributes().await {
                Ok(Some(Attributes { depth: Some(depth), .. })) => queue_depth.set(depth),
                // Whoever receives tells of trouble.
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => return queue_depth.forget(),
            }
        }
    }

    /// Receives once, and returns how many messages came.
    async fn receive(
        self: &Arc<Self>,
        queue: &Queue,
        wait_s: u8,
        tasks: &mut JoinSet<()>,
        logs: &mpsc::Sender<Box<dyn Log>>,
    ) -> usize {
        let mut backoff = Backoff::default();
        let (asked, wait_s, received) = loop {
            // Falco may be slow: what is received must be worked on before its lease becomes a burden.
            let Ok(mut room) = Arc::clone(&self.room.free).acquire_owned().await else { return 0 };
            if let Ok(more) = Arc::clone(&self.room.free).try_acquire_many_owned(self.more()) {
                room.merge(more);
            }
            let asked = room.num_permits();
            let is_idle = self.room.free.available_permits() + asked == self.capacity;
            let wait_s = if is_idle { wait_s } else { wait_s.min(SHORT_WAIT) };
            let (poll, queue) = (Arc::clone(self), queue.clone());
            let call = tokio::spawn(async move {
                let messages = queue.receive(asked as u8, wait_s).await?;
                if let Some(taken) = room.split(messages.len()) {
                    taken.forget();
                }
                Ok::<_, AwsError>(poll.begin(messages))
            });
            // A call that is cut off may still take messages, which nobody works on then until their lease ends. A
            // short one is waited for at a close, so that what it brings is given back.
            let received = if wait_s > SHORT_WAIT { AbortOnDrop(call).join().await } else { call.await };
            match received {
                Ok(Ok(received)) => break (asked, wait_s, received),
                Ok(Err(error)) => {
                    let level = if error.is_transient() { Level::Warn } else { Level::Error };
                    self.notes.retry(Service::Sqs, "receive", level, &error);
                }
                Err(_) => self.notes.say(Level::Error, "fault", "an internal fault, please report it"),
            }
            backoff.wait().await;
        };
        if received.len() == asked {
            self.busy.notify_waiters();
        }
        let count = received.len();
        // A call that waits looks everywhere where there could be a message.
        if count == 0 && wait_s > 0 && self.notes.queue_depth.get().is_some() {
            self.notes.queue_depth.set(0);
        }
        self.deliver_all(received, tasks, logs).await;
        count
    }

    /// Returns how many messages beyond one to ask for.
    fn more(&self) -> u32 {
        self.room.free.available_permits().min(usize::from(MOST) - 1) as u32
    }

    /// Begins to work on messages, each of which has taken its room: their lease is kept from now on.
    fn begin(&self, messages: Vec<Message>) -> Vec<(u64, Vec<Part>)> {
        self.notes.messages.add(messages.len() as u64);
        let begun = messages.into_iter().map(|message| {
            let parts = self.parts(&message);
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            // Nobody is told when the source is closed.
            let _ = self.tell.send(Told::Received(number, Work::new(message, parts.len())));
            (number, parts)
        });
        begun.collect()
    }

    async fn deliver_all(
        &self,
        received: Vec<(u64, Vec<Part>)>,
        tasks: &mut JoinSet<()>,
        logs: &mpsc::Sender<Box<dyn Log>>,
    ) {
        for (number, parts) in received {
            for part in parts {
                self.deliver(number, part, tasks, logs).await;
            }
        }
    }

    /// Returns what a message leads to.
    fn parts(&self, message: &Message) -> Vec<Part> {
        let name = printable(&format!("message {} of {}", message.id, self.name));
        match notice::read(&message.body, self.limits) {
            Ok(Notice::Objects(objects)) => objects.into_iter().map(|object| self.object_part(object)).collect(),
            Ok(Notice::Events(events)) => events.into_iter().map(Part::Event).collect(),
            Ok(Notice::Nothing(_)) => Vec::new(),
            Err(error) => {
                let cause = match error {
                    NoticeError::TooLarge(_) => Cause::MessageTooLarge,
                    NoticeError::TooMany => Cause::TooManyObjects,
                    _ => Cause::UnknownMessage,
                };
                let skip = Skip { cause, at: None, detail: Some(error.to_string()) };
                vec![Part::Skipped(name, skip)]
            }
        }
    }

    fn object_part(&self, object: ObjectRef) -> Part {
        let skipped = |cause, why: Option<&str>| {
            let name = address(&object.bucket, &object.key);
            Part::Skipped(name, Skip { cause, at: None, detail: why.map(str::to_owned) })
        };
        if let Some(why) = object.impossible {
            skipped(Cause::ImpossibleObject, Some(why))
        } else if !self.buckets.is_empty() && !self.buckets.contains(&object.bucket) {
            skipped(Cause::ForeignBucket, None)
        } else if object.key.split('/').any(|folder| folder == DIGEST_FOLDER) {
            skipped(Cause::Digest, None)
        } else if !notice::is_log_key(&object.key) {
            skipped(Cause::NotALog, None)
        } else {
            Part::Object(object)
        }
    }

    async fn deliver(&self, number: u64, part: Part, tasks: &mut JoinSet<()>, logs: &mpsc::Sender<Box<dyn Log>>) {
        let log: Box<dyn Log> = match part {
            Part::Object(ObjectRef { bucket, key, bytes, .. }) => {
                self.notes.bytes_found.add(bytes.unwrap_or(0));
                self.notes.logs_found.add(1);
                let wanted = Wanted { bucket: bucket.into(), key, bytes };
                let done = Arc::clone(&self.done);
                let known: Known = Arc::new(move |id| done.lock().unwrap_or_else(PoisonError::into_inner).contains(id));
                let name = wanted.name();
                let download = self.downloads.start(tasks, wanted, Some(known)).await;
                let log = download.log.with_receipt(self.receipt(number, name, Some(download.id)));
                let logs = logs.clone();
                // Whichever object is there first goes first.
                tasks.spawn(async move {
                    let _ = download.ready.await;
                    let _ = logs.send(Box::new(log)).await;
                });
                return;
            }
            Part::Event(text) => {
                let memory = self.downloads.memory().reserve(text.len()).await;
                let name = format!("message of {}", self.name);
                let receipt = self.receipt(number, name.clone(), None);
                Box::new(TextLog::new(name, Ok(text), receipt, memory))
            }
            Part::Skipped(name, skip) => {
                let receipt = self.receipt(number, name.clone(), None);
                Box::new(TextLog::new(name, Err(skip), receipt, None))
            }
        };
        self.notes.logs_found.add(1);
        let _ = logs.send(log).await;
    }

    fn receipt(&self, number: u64, name: String, id: Option<Arc<OnceLock<ObjectId>>>) -> Receipt {
        let tell = self.tell.clone();
        Receipt::new(move |verdict| {
            let id = id.and_then(|id| id.get().copied());
            // Nobody is told when the source is closed.
            let _ = tell.send(Told::Settled(number, keeper::Part { name, id }, verdict));
        })
    }
}
