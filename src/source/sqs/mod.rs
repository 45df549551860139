//! Logs that the messages of an SQS queue name, and events inside of them. A message is deleted once Falco went through
//! all that it leads to; several Falcos on one queue share the work.

mod keeper;
mod poll;

use super::backoff::Backoff;
use super::download::Downloads;
use super::notes::{Level, Notes};
use super::remote::{Background, OpenError, Settings, in_time, runtime};
use super::{Opened, printable, state};
use crate::aws::s3::Objects;
use crate::aws::sqs::{Attributes, Message, Queue, QueueRef};
use crate::aws::{AwsError, Connection, Service};
use crate::checkpoint::DoneSet;
use crate::decode::notice::MessageLimits;
use keeper::{Keeper, Room};
use poll::Poll;
use std::mem;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::{Notify, mpsc};

/// How many objects are remembered, so that one whose message comes again is not read twice.
const OBJECTS: usize = 16_384;

/// The bounds of how many messages are in work at a time.
const LEAST_IN_WORK: usize = 40;
const MOST_IN_WORK: usize = 1000;

/// How long messages stay invisible when the queue does not say it, or says not at all, in seconds: the service's default.
const LEASE: u32 = 30;

/// How often opening is tried while trouble lasts that may pass.
const ATTEMPTS: u32 = 3;

/// What to read, and how.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// The queue.
    pub queue: QueueRef,
    /// The account that owns it, when it is not that of the credentials.
    pub owner: Option<String>,
    /// Whether messages are deleted once they are done with.
    pub delete: bool,
    /// After how many receipts a message that cannot be read is deleted from a queue without a dead-letter queue, if
    /// messages are deleted.
    pub give_up_after: Option<u32>,
    /// The buckets that messages may name, or none for all.
    pub buckets: Vec<String>,
    /// What a message may be like.
    pub limits: MessageLimits,
}

/// Opens a queue.
///
/// # Errors
///
/// When there are no credentials, no region or no such queue, or when it may not be read. Trouble that may pass is no
/// error: the reading begins when it has passed.
pub fn open(wanted: QueueSettings, settings: &Settings) -> Result<Opened, OpenError> {
    let runtime = runtime().map_err(OpenError::Runtime)?;
    let connection = runtime.block_on(Connection::new(&settings.access, wanted.queue.region()))?;
    let notes = Arc::new(Notes::of(&connection));
    let objects = Objects::new(&connection)?;
    ["S3", "SQS"].into_iter().for_each(|service| notes.warn_of(connection.warning(service)));
    let connected = runtime.block_on(in_time(connect(&connection, &wanted, ATTEMPTS, &notes)))?.flatten();
    let name = printable(wanted.queue.text());
    let identity = format!(
        "{name} owner={} region={} endpoint={}",
        wanted.owner.as_deref().unwrap_or_default(),
        connection.region(),
        connection.endpoint("SQS").unwrap_or_default(),
    );
    let file_name = state::file_name("sqs", name.rsplit(['/', ':']).next().unwrap_or_default(), &identity);
    let (state, kept) = state::open(settings.state_dir.as_deref(), &file_name, true, &notes)?;
    let done = kept.progress.and_then(|bytes| DoneSet::from_bytes(OBJECTS, &bytes));
    let done = Arc::new(Mutex::new(done.unwrap_or_else(|| DoneSet::new(OBJECTS))));
    let in_work = (2 * settings.download_concurrency).clamp(LEAST_IN_WORK, MOST_IN_WORK);
    let room = Arc::new(Room::new(in_work));
    let (tell, told) = mpsc::unbounded_channel();
    let connected = Arc::new(connected.map_or_else(OnceLock::new, OnceLock::from));
    let keeper = Arc::new(Keeper {
        told: told.into(),
        connected: Arc::clone(&connected),
        name: name.clone(),
        done: Arc::clone(&done),
        file: state.progress.map(Arc::new),
        notes: Arc::clone(&notes),
        room: Arc::clone(&room),
        delete: wanted.delete,
    });
    let poll = Arc::new(Poll {
        name,
        downloads: Downloads::new(objects, settings.download_concurrency, settings.memory, Arc::clone(&notes)),
        buckets: wanted.buckets.clone(),
        limits: wanted.limits,
        done,
        room,
        capacity: in_work,
        tell,
        notes: Arc::clone(&notes),
        numbers: AtomicU64::new(0),
        busy: Notify::new(),
    });
    let to_connect = Arc::new((connection, wanted, connected));
    let produce = move |logs| {
        let (poll, to_connect) = (Arc::clone(&poll), Arc::clone(&to_connect));
        async move {
            let (connection, wanted, connected) = &*to_connect;
            let mut backoff = Backoff::default();
            while connected.get().is_none() {
                match connect(connection, wanted, u32::MAX, &poll.notes).await {
                    Ok(Some(now)) => _ = connected.set(now),
                    Ok(None) => {}
                    Err(error) => poll.notes.say(Level::Error, "receive", format!("{error}; trying again")),
                }
                if connected.get().is_none() {
                    backoff.wait().await;
                }
            }
            if let Some(connected) = connected.get() {
                poll.run(connected, logs).await;
            }
        }
    };
    let keep = move || Arc::clone(&keeper).run();
    let (background, logs) = Background::start(runtime, produce, keep, state.ids, Arc::clone(&notes));
    Ok(Opened { logs, background: Some(background), ignored: Vec::new(), ids: kept.ids, notes })
}

/// A queue that answered.
struct Connected {
    queue: Queue,
    /// How long its messages stay invisible, in seconds.
    lease_s: u32,
    /// After how many receipts a message that cannot be read is deleted.
    give_up_after: Option<u32>,
    /// The first messages.
    first: Mutex<Vec<Message>>,
}

impl Connected {
    /// Takes the first messages.
    fn take_first(&self) -> Vec<Message> {
        mem::take(&mut *self.first.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Finds the queue and receives for the first time, which shows whether it may be read; `None` when trouble lasts over
/// so many attempts that may pass.
async fn connect(
    connection: &Connection,
    wanted: &QueueSettings,
    attempts: u32,
    notes: &Notes,
) -> Result<Option<Connected>, AwsError> {
    let mut backoff = Backoff::default();
    for attempt in 1..=attempts {
        match try_to_connect(connection, wanted).await {
            Ok((queue, attributes, first)) => {
                let name = printable(queue.url());
                notes.messages_in_work.set(0);
                if let Some(depth) = attributes.and_then(|attributes| attributes.depth) {
                    notes.queue_depth.set(depth);
                }
                notes.say(Level::Info, "open", format!("reading {name}"));
                return Ok(Some(Connected {
                    queue,
                    lease_s: attributes.map_or(LEASE, lease_s),
                    give_up_after: give_up_after(&name, attributes, wanted.give_up_after, notes),
                    first: Mutex::new(first),
                }));
            }
            Err(error) if !error.is_transient() => return Err(error),
            // Credentials that are not there at the start are a setting that is wrong.
            Err(error) if attempt == attempts && error.is_credentials() => return Err(error),
            Err(error) => {
                notes.retry(Service::Sqs, "retry", Level::Warn, &error);
            }
        }
        backoff.wait().await;
    }
    Ok(None)
}

async fn try_to_connect(
    connection: &Connection,
    wanted: &QueueSettings,
) -> Result<(Queue, Option<Attributes>, Vec<Message>), AwsError> {
    let queue = Queue::connect(connection, &wanted.queue, wanted.owner.as_deref()).await?;
    let attributes = queue.attributes().await?;
    // Messages that stay visible would be taken again and again.
    let stays_visible = attributes.is_some_and(|attributes| attributes.visibility_timeout_s == 0);
    let queue = if stays_visible { queue.hiding_for(LEASE) } else { queue };
    let first = queue.receive(10, 0).await?;
    Ok((queue, attributes, first))
}

/// Returns for how long to keep messages invisible, in seconds.
fn lease_s(attributes: Attributes) -> u32 {
    Some(attributes.visibility_timeout_s).filter(|seconds| *seconds > 0).unwrap_or(LEASE)
}

/// Returns after how many receipts a message that cannot be read is deleted; never where there is, or may be, a
/// dead-letter queue for it.
fn give_up_after(queue: &str, attributes: Option<Attributes>, wanted: Option<u32>, notes: &Notes) -> Option<u32> {
    match attributes {
        Some(Attributes { max_receive_count: None, .. }) => {
            let then = match wanted {
                Some(count) => format!("is deleted when it was received {count} times (sqsMaxReceiveCount)"),
                None => "comes again until the queue forgets it".to_owned(),
            };
            let text = format!("{queue} has no dead-letter queue: a message that cannot be read {then}");
            notes.say(Level::Warn, "open", text);
            wanted
        }
        Some(_) => None,
        None => {
            let text = format!(
                "sqs:GetQueueAttributes is not allowed for {queue}: messages are taken to stay invisible for {LEASE} \
                 seconds, and one that cannot be read is left to a dead-letter queue"
            );
            notes.say(Level::Warn, "open", text);
            None
        }
    }
}
