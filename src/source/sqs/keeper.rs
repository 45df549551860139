//! Keeps the messages in work: invisible to others as long as they are, deleted once Falco went through what they lead
//! to, and left in the queue when they could not be read.

use super::Connected;
use crate::aws::Service;
use crate::aws::sqs::{Message, Queue};
use crate::checkpoint::{DoneSet, ObjectId, StateFile};
use crate::decode::Cause;
use crate::source::backoff::Backoff;
use crate::source::notes::{GIVEN_UP, Level, Notes};
use crate::source::{Verdict, printable};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc};
use tokio::task::JoinSet;

/// How many messages a call can name.
const MOST: usize = 10;

/// How often a deletion is tried. A message that stays nonetheless comes again, and its objects are known then.
const DELETIONS: u32 = 6;

/// How long a message that may not be read is hidden at most before it is tried again, in seconds.
const LONGEST_REST: u64 = 60 * 60;

/// How long a message can stay invisible in all.
const LONGEST_LEASE: Duration = Duration::from_secs(12 * 60 * 60);

/// A message in work.
#[derive(Debug)]
pub(super) struct Work {
    id: String,
    handle: String,
    receive_count: u32,
    bytes: usize,
    digest: String,
    /// The parts that Falco did not go through yet.
    parts: usize,
    /// The first part that could not be read, and why.
    fault: Option<(String, Cause)>,
    received: Instant,
    leased: Instant,
}

impl Work {
    pub fn new(message: Message, parts: usize) -> Self {
        let Message { id, receipt_handle, body, receive_count } = message;
        let digest = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let (id, bytes) = (printable(&id), body.len());
        let now = Instant::now();
        Self {
            id,
            handle: receipt_handle,
            receive_count,
            bytes,
            digest,
            parts,
            fault: None,
            received: now,
            leased: now,
        }
    }
}

/// What the keeper is told.
#[derive(Debug)]
pub(super) enum Told {
    /// The polling begins: nobody works on what was received before.
    Begun,
    /// A message was received, and got this number.
    Received(u64, Work),
    /// Falco went through a part of it.
    Settled(u64, Part, Verdict),
}

impl Told {
    /// Returns whether it tells of an object that is to be remembered.
    fn is_done(&self) -> bool {
        matches!(self, Self::Settled(_, Part { id: Some(_), .. }, Ok(())))
    }
}

/// A part of a message that Falco went through.
#[derive(Debug)]
pub(super) struct Part {
    pub name: String,
    /// What it is, when it is an object that answered.
    pub id: Option<ObjectId>,
}

/// A message to delete, and what to tell then.
#[derive(Debug)]
struct Deletion {
    handle: String,
    given_up: Option<String>,
}

/// How many messages may be in work.
#[derive(Debug)]
pub(super) struct Room {
    /// How many more.
    pub free: Arc<Semaphore>,
    /// How many are.
    taken: AtomicUsize,
}

impl Room {
    pub fn new(capacity: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(capacity)), taken: AtomicUsize::new(0) }
    }

    /// Notes a message that has taken its room, in the order in which the keeper is told.
    fn note(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives back the room of messages that are done with.
    fn give_back(&self, messages: usize) {
        self.taken.fetch_sub(messages, Ordering::Relaxed);
        self.free.add_permits(messages);
    }

    /// Gives back the room of all messages.
    fn give_back_all(&self) {
        self.free.add_permits(self.taken.swap(0, Ordering::Relaxed));
    }
}

pub(super) struct Keeper {
    /// What it is told; a keeper that begins anew after a fault goes on with it.
    pub told: AsyncMutex<mpsc::UnboundedReceiver<Told>>,
    /// The queue, which has answered by the time that there is something to tell.
    pub connected: Arc<OnceLock<Connected>>,
    /// The queue's name in lines of the log.
    pub name: String,
    pub done: Arc<Mutex<DoneSet>>,
    pub file: Option<Arc<StateFile>>,
    pub notes: Arc<Notes>,
    pub room: Arc<Room>,
    pub delete: bool,
}

impl Keeper {
    /// Works until nobody is left to tell it anything, then gives back what is still in work.
    pub async fn run(self: Arc<Self>) {
        let mut told = self.told.lock().await;
        let mut several = Vec::from_iter(told.recv().await);
        let Some(connected) = self.connected.get() else { return };
        let Connected { queue, lease_s, .. } = connected;
        let lease = Duration::from_secs((*lease_s).into());
        let mut leases = tokio::time::interval(lease / 6);
        // What was in work before a fault is nobody's now, and comes again.
        let mut work = HashMap::new();
        let mut calls = JoinSet::new();
        let mut saving = None;
        let mut unsaved = false;
        loop {
            tokio::select! {
                count = told.recv_many(&mut several, 10_000) => {
                    if count == 0 {
                        break;
                    }
                    unsaved |= several.iter().any(Told::is_done);
                    let finished = several.drain(..).filter_map(|told| self.note(&mut work, told)).collect();
                    self.finish(connected, finished, &mut calls);
                    self.notes.messages_in_work.set(work.len() as u64);
                }
                _ = leases.tick() => self.extend(connected, &mut work, lease / 3, &mut calls),
                Some(_) = calls.join_next() => {}
                () = ended(&mut saving) => {}
            }
            if unsaved && saving.is_none() {
                saving = Some(tokio::spawn(save(self.file.clone(), Arc::clone(&self.done), Arc::clone(&self.notes))));
                unsaved = false;
            }
        }
        let unworked = connected.take_first().into_iter().map(|message| message.receipt_handle);
        let back: Vec<String> = work.into_values().map(|work: Work| work.handle).chain(unworked).collect();
        for handles in back.chunks(MOST) {
            let (queue, handles) = (queue.clone(), handles.to_vec());
            calls.spawn(async move {
                let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
                // One that is not given back comes again when its lease ends.
                queue.set_visibility(&handles, 0).await;
            });
        }
        if let Some(saving) = saving {
            let _ = saving.await;
        }
        if unsaved {
            save(self.file.clone(), Arc::clone(&self.done), Arc::clone(&self.notes)).await;
        }
        while calls.join_next().await.is_some() {}
    }

    /// Returns a message that is done with.
    fn note(&self, work: &mut HashMap<u64, Work>, told: Told) -> Option<Work> {
        let number = match told {
            Told::Begun => {
                // Their leases end by themselves.
                work.clear();
                self.room.give_back_all();
                return None;
            }
            Told::Received(number, message) => {
                self.room.note();
                work.insert(number, message);
                number
            }
            Told::Settled(number, part, verdict) => {
                let message = work.get_mut(&number)?;
                message.parts = message.parts.saturating_sub(1);
                match (verdict, part.id) {
                    (Ok(()), Some(id)) => _ = self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(id),
                    (Ok(()), None) => {}
                    (Err(cause), _) => _ = message.fault.get_or_insert((part.name, cause)),
                }
                number
            }
        };
        if work.get(&number).is_some_and(|message| message.parts == 0) { work.remove(&number) } else { None }
    }

    /// Deletes messages that are done with, or leaves them.
    fn finish(&self, connected: &Connected, finished: Vec<Work>, calls: &mut JoinSet<()>) {
        self.room.give_back(finished.len());
        let (mut deletions, mut hidden) = (Vec::new(), Vec::new());
        for message in finished {
            let given_up = match &message.fault {
                None => None,
                Some((part, cause)) if gives_up(connected, *cause, message.receive_count) => {
                    Some(self.last_words(&message, part, *cause))
                }
                Some((_, cause)) => {
                    self.notes.messages_left.add(1);
                    if connected.give_up_after.is_some() && matches!(cause, Cause::Denied | Cause::Unreadable) {
                        // Somebody may mend it: the receipts that a message has are spread over hours.
                        let longer = u64::from(connected.lease_s) << message.receive_count.min(20);
                        hidden.push((message.handle, longer.min(LONGEST_REST) as u32));
                    }
                    continue;
                }
            };
            if self.delete {
                deletions.push(Deletion { handle: message.handle, given_up });
            }
        }
        for (handle, seconds) in hidden {
            let queue = connected.queue.clone();
            // One that cannot be hidden comes again sooner.
            calls.spawn(async move { drop(queue.set_visibility(&[&handle], seconds).await) });
        }
        let mut deletions = deletions.into_iter().peekable();
        while deletions.peek().is_some() {
            let some = deletions.by_ref().take(MOST).collect();
            calls.spawn(delete(connected.queue.clone(), some, Arc::clone(&self.notes)));
        }
    }

    /// Says what is known of a message that is deleted without having been read.
    fn last_words(&self, message: &Work, part: &str, cause: Cause) -> String {
        let Work { id, receive_count, bytes, digest, .. } = message;
        format!(
            "deleted message {id} of {}, received {receive_count} times: {part}: {cause}; bytes {bytes}, SHA-256 {digest}",
            self.name
        )
    }

    /// Extends the leases that are older than `age`.
    fn extend(&self, connected: &Connected, work: &mut HashMap<u64, Work>, age: Duration, calls: &mut JoinSet<()>) {
        // Beyond that SQS refuses, and gives the message to another.
        let lasts = |message: &Work| message.received.elapsed() + 3 * age < LONGEST_LEASE;
        let old = work.values_mut().filter(|message| message.leased.elapsed() >= age && lasts(message));
        let handles: Vec<String> = old
            .map(|message| {
                message.leased = Instant::now();
                message.handle.clone()
            })
            .collect();
        for handles in handles.chunks(MOST) {
            let (queue, handles) = (connected.queue.clone(), handles.to_vec());
            let (notes, seconds) = (Arc::clone(&self.notes), connected.lease_s);
            calls.spawn(async move {
                let handles: Vec<&str> = handles.iter().map(String::as_str).collect();
                for (_, error) in queue.set_visibility(&handles, seconds).await {
                    notes.say(Level::Warn, "lease", format!("{error}; a message may come again while it is in work"));
                }
            });
        }
    }
}

fn gives_up(connected: &Connected, cause: Cause, receive_count: u32) -> bool {
    let may_pass = matches!(cause, Cause::Unreachable | Cause::Internal);
    !may_pass && connected.give_up_after.is_some_and(|count| receive_count >= count)
}

/// Waits for a task that was started, or without end when there is none.
async fn ended(task: &mut Option<tokio::task::JoinHandle<()>>) {
    match task {
        Some(running) => {
            let _ = running.await;
            *task = None;
        }
        None => std::future::pending().await,
    }
}

async fn save(file: Option<Arc<StateFile>>, done: Arc<Mutex<DoneSet>>, notes: Arc<Notes>) {
    let Some(file) = file else { return };
    let begun = Instant::now();
    let saved = tokio::task::spawn_blocking(move || {
        let bytes = done.lock().unwrap_or_else(PoisonError::into_inner).to_bytes();
        file.save(&bytes)
    });
    match saved.await {
        Ok(Ok(())) => notes.state_kept(),
        Ok(Err(error)) => {
            notes.say(Level::Warn, "state", format!("{error}; objects whose messages come again may be read again"));
        }
        Err(_) => {}
    }
    // What is small lasts at once, what is large does not keep the disk busy.
    tokio::time::sleep((begun.elapsed() * 4).min(Duration::from_millis(200))).await;
}

async fn delete(queue: Queue, mut deletions: Vec<Deletion>, notes: Arc<Notes>) {
    let mut backoff = Backoff::default();
    for attempt in 1..=DELETIONS {
        let handles: Vec<&str> = deletions.iter().map(|deletion| deletion.handle.as_str()).collect();
        let failures = queue.delete(&handles).await;
        let has_failed = |index: usize| failures.iter().any(|(failed, _)| *failed == index);
        let mut left = Vec::new();
        for (index, deletion) in deletions.into_iter().enumerate() {
            if has_failed(index) {
                left.push(deletion);
            } else if let Some(given_up) = deletion.given_up {
                notes.messages_given_up.add(1);
                notes.say(Level::Error, GIVEN_UP, given_up);
            } else {
                notes.messages_deleted.add(1);
            }
        }
        let Some((_, error)) = failures.first() else { return };
        if attempt == DELETIONS || !failures.iter().any(|(_, error)| error.is_transient()) {
            notes.say(Level::Error, "delete", format!("{error}; the messages come again: {}", left.len()));
            return;
        }
        notes.traffic.retry(Service::Sqs);
        deletions = left;
        backoff.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_room_comes_back_whatever_a_fault_made_the_keeper_forget() {
        let room = Room::new(5);
        room.free.try_acquire_many(4).unwrap().forget();
        (0..4).for_each(|_| room.note());
        room.give_back(1);
        assert_eq!(room.free.available_permits(), 2);
        room.give_back_all();
        assert_eq!(room.free.available_permits(), 5);
        room.give_back_all();
        assert_eq!(room.free.available_permits(), 5, "none comes back twice");
    }
}
