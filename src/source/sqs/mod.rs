//! Logs that the messages of an SQS queue name, and events inside of them. A message is deleted once Falco went through
//! all that it leads to; several Falcos on one queue share the work.

mod keeper;
mod poll;

use super::download::{Downloads, printable};
use super::notes::{Level, Notes};
use super::remote::{Background, OpenError, Settings, runtime};
use super::{Opened, state};
use crate::aws::s3::Objects;
use crate::aws::sqs::{Attributes, Message, Queue, QueueRef};
use crate::aws::{AwsError, Connection};
use crate::checkpoint::DoneSet;
use keeper::Keeper;
use poll::Poll;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore, mpsc};

/// How many objects are remembered, so that one whose message comes again is not read twice.
const OBJECTS: usize = 16_384;

/// The bounds of how many messages are in work at a time.
const LEAST_IN_WORK: usize = 40;
const MOST_IN_WORK: usize = 1000;

/// What is used when the queue does not say how long its messages stay invisible, in seconds: the service's default.
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
    /// After how many receipts a message that cannot be read is deleted from a queue without a dead-letter queue.
    pub give_up_after: Option<u32>,
    /// The buckets that messages may name, or none for all.
    pub buckets: Vec<String>,
}

/// Opens a queue.
///
/// # Errors
///
/// When there are no credentials, no region or no such queue, or when it may not be read.
pub fn open(wanted: QueueSettings, settings: &Settings) -> Result<Opened, OpenError> {
    let notes = Arc::new(Notes::default());
    let runtime = runtime().map_err(OpenError::Runtime)?;
    let (connection, queue, attributes, first) = runtime.block_on(connect(&wanted, settings, &notes))?;
    let name = printable(queue.url());
    let lease_s = attributes.map_or(LEASE, |attributes| attributes.visibility_timeout_s.max(1));
    let give_up_after = match attributes {
        Some(Attributes { max_receive_count: None, .. }) => {
            let then = match wanted.give_up_after {
                Some(count) => format!("is deleted when it was received {count} times (sqsMaxReceiveCount)"),
                None => "comes again until the queue forgets it".to_owned(),
            };
            notes.say(
                Level::Warn,
                "open",
                format!("{name} has no dead-letter queue: a message that cannot be read {then}"),
            );
            wanted.give_up_after
        }
        Some(_) => None,
        None => {
            let text = format!(
                "sqs:GetQueueAttributes is not allowed for {name}: messages are taken to stay invisible for {LEASE} \
                 seconds, and one that cannot be read is left to a dead-letter queue"
            );
            notes.say(Level::Warn, "open", text);
            None
        }
    };
    let file_name = state::file_name("sqs", name.rsplit('/').next().unwrap_or_default(), queue.url());
    let (state, kept) = state::open(settings.state_dir.as_deref(), &file_name, true, &notes)?;
    let done = kept.progress.and_then(|bytes| DoneSet::from_bytes(OBJECTS, &bytes));
    let done = Arc::new(Mutex::new(done.unwrap_or_else(|| DoneSet::new(OBJECTS))));
    notes.say(Level::Info, "open", format!("reading {name}"));
    let in_work = (2 * settings.download_concurrency).clamp(LEAST_IN_WORK, MOST_IN_WORK);
    let room = Arc::new(Semaphore::new(in_work - first.len()));
    let (tell, told) = mpsc::unbounded_channel();
    let keeper = Keeper {
        queue: queue.clone(),
        name: name.clone(),
        done: Arc::clone(&done),
        file: state.progress.map(Arc::new),
        notes: Arc::clone(&notes),
        room: Arc::clone(&room),
        delete: wanted.delete,
        lease_s,
        give_up_after,
    };
    let objects = Objects::new(&connection)?;
    let downloads = Downloads::new(objects, settings.download_concurrency, settings.memory, Arc::clone(&notes));
    let poll = Arc::new(Poll {
        queue,
        name,
        downloads,
        buckets: wanted.buckets,
        done,
        room,
        tell,
        notes: Arc::clone(&notes),
        numbers: AtomicU64::new(0),
        busy: Notify::new(),
    });
    let first = Arc::new(Mutex::new(first));
    let produce = move |logs| {
        let first = first.lock().map(|mut first| std::mem::take(&mut *first)).unwrap_or_default();
        Arc::clone(&poll).run(first, logs)
    };
    let (background, logs) = Background::start(runtime, produce, keeper.run(told), state.ids, Arc::clone(&notes));
    Ok(Opened { logs, background: Some(background), ignored: Vec::new(), ids: kept.ids, notes })
}

/// Finds the queue and receives for the first time, which shows whether it may be read.
async fn connect(
    wanted: &QueueSettings,
    settings: &Settings,
    notes: &Notes,
) -> Result<(Connection, Queue, Option<Attributes>, Vec<Message>), AwsError> {
    let connection = Connection::new(&settings.access, wanted.queue.region()).await?;
    let attempt = async || {
        let queue = Queue::connect(&connection, &wanted.queue, wanted.owner.as_deref()).await?;
        let attributes = queue.attributes().await?;
        let first = queue.receive(10, 0).await?;
        Ok((queue, attributes, first))
    };
    let mut backoff = super::download::Backoff::default();
    let mut attempts = 1;
    loop {
        match attempt().await {
            Ok((queue, attributes, first)) => return Ok((connection, queue, attributes, first)),
            Err(error) if attempts == ATTEMPTS || !AwsError::is_transient(&error) => return Err(error),
            Err(error) => notes.say(Level::Warn, "retry", format!("{error}; trying again")),
        }
        backoff.wait().await;
        attempts += 1;
    }
}
