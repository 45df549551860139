//! The background of a source in AWS: a runtime whose tasks fetch ahead, and one task, the keeper, that is told what was
//! delivered and makes it last.
//!
//! Everything ends with the [`Background`]: tasks are aborted, connections closed, threads joined.

use super::notes::{Level, Notes};
use super::{Log, Logs};
use crate::aws::{Access, AwsError};
use crate::checkpoint::{StateFile, StoreError};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinHandle};

/// How many logs wait for the feed to open them; their bytes are bounded elsewhere.
const WAITING_LOGS: usize = 256;

/// How long the keeper may take at the end: a few calls to AWS.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How long the runtime's threads may take to end; only name resolution cannot be cut short.
const LAST_THREADS: Duration = Duration::from_secs(1);

/// How long opening may wait for AWS: Falco does nothing else meanwhile.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// How long a source that failed by a fault of its own waits before it goes on.
const AFTER_FAULT: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 5000 });

/// What every source in AWS is told.
#[derive(Clone)]
pub struct Settings {
    /// How to get access.
    pub access: Access,
    /// How many objects are downloaded at a time.
    pub download_concurrency: usize,
    /// The bytes of objects that are downloaded ahead of their reading.
    pub memory: usize,
    /// Where to keep how far a source came, or nowhere.
    pub state_dir: Option<PathBuf>,
}

/// Why a source in AWS cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// AWS refuses, or cannot be asked.
    #[error("{0}")]
    Aws(#[from] AwsError),
    /// Another process has the state.
    #[error("{0}")]
    State(#[from] StoreError),
    /// No thread can be started.
    #[error("cannot start the threads that fetch from AWS: {0}")]
    Runtime(io::Error),
}

/// The running tasks of a source.
#[derive(Debug)]
pub struct Background {
    runtime: Option<Runtime>,
    producer: JoinHandle<()>,
    keeper: Option<JoinHandle<()>>,
    ids: Option<StateFile>,
    notes: Arc<Notes>,
}

/// Starts a runtime for a source.
pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .thread_name("cloudtrail-aws")
        .enable_all()
        .build()
}

/// Waits for a first answer of AWS; `None` when it does not come in time, which is trouble that may pass.
pub(super) async fn in_time<T>(answer: impl Future<Output = Result<T, AwsError>>) -> Result<Option<T>, AwsError> {
    tokio::time::timeout(FIRST_ANSWER, answer).await.ok().transpose()
}

impl Background {
    /// Starts the tasks. `produce` makes the task that finds logs and sends them; it ends when there are no more.
    /// `keep` makes the one that ends when nobody is left who could tell it anything. Both are made anew after a fault of
    /// the keeper, which may have missed what it was told.
    pub(super) fn start<P, K>(
        runtime: Runtime,
        produce: impl Fn(mpsc::Sender<Box<dyn Log>>) -> P + Send + Sync + 'static,
        keep: impl Fn() -> K + Send + Sync + 'static,
        ids: Option<StateFile>,
        notes: Arc<Notes>,
    ) -> (Self, Logs)
    where
        P: Future<Output = ()> + Send + 'static,
        K: Future<Output = ()> + Send + 'static,
    {
        let (sender, mut logs) = mpsc::channel(WAITING_LOGS);
        let has_missed = Arc::new(Notify::new());
        let (missed, to_tell) = (Arc::clone(&has_missed), Arc::clone(&notes));
        let producer = runtime.spawn(async move {
            let produce = || produce(sender.clone());
            loop {
                tokio::select! {
                    () = go_on_after_faults(produce, &to_tell) => return,
                    () = missed.notified() => {}
                }
            }
        });
        let (to_tell, is_anew) = (Arc::clone(&notes), AtomicBool::new(false));
        let keep = move || {
            if is_anew.swap(true, Ordering::Relaxed) {
                has_missed.notify_one();
            }
            keep()
        };
        let keeper = Some(runtime.spawn(async move { go_on_after_faults(keep, &to_tell).await }));
        let logs = std::iter::from_fn(move || logs.blocking_recv());
        (Self { runtime: Some(runtime), producer, keeper, ids, notes }, Box::new(logs))
    }

    /// Stops fetching: the logs end, and the reading of a log that is not complete fails.
    pub fn stop(&self) {
        self.producer.abort();
    }

    /// Ends all. Whatever was settled before is made to last; `ids` are those of the events that were delivered.
    pub fn finish(mut self, ids: Option<Vec<u8>>) {
        self.stop();
        if let (Some(file), Some(ids)) = (&self.ids, ids)
            && let Err(error) = file.save(&ids)
        {
            self.notes.say(Level::Warn, "state", format!("{error}; events may come twice"));
        }
        if let (Some(runtime), Some(keeper)) = (&self.runtime, self.keeper.take()) {
            let ended = runtime.block_on(async { tokio::time::timeout(LAST_WORDS, keeper).await });
            if ended.is_err() {
                self.notes.say(Level::Warn, "close", "AWS did not answer in time; the last logs may come again");
            }
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(LAST_THREADS);
        }
    }
}

/// Runs a task to its end, anew each time that it fails by a fault of its own.
pub(super) async fn go_on_after_faults<T>(task: impl Fn() -> T, notes: &Notes)
where
    T: Future<Output = ()> + Send + 'static,
{
    while let Err(fault) = AbortOnDrop(tokio::spawn(task())).join().await
        && fault.is_panic()
    {
        notes.say(Level::Error, "fault", "an internal fault, please report it; what is read begins again");
        tokio::time::sleep(AFTER_FAULT).await;
    }
}

/// A task that ends when nobody waits for it any more.
pub(super) struct AbortOnDrop<T>(pub JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    /// Waits for the task.
    pub async fn join(mut self) -> Result<T, JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Skip;
    use std::future;
    use std::io::Read;
    use std::sync::atomic::AtomicU64;

    /// A log with the number of the run that found it.
    struct Numbered(u64);
    impl Log for Numbered {
        fn name(&self) -> String {
            self.0.to_string()
        }
        fn bytes(&self) -> u64 {
            0
        }
        fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
            Ok(Box::new(io::empty()))
        }
    }

    /// The logs of a source whose producer and keeper fail in their first so many runs, and what it notes.
    fn logs(producer_faults: u64, keeper_faults: u64) -> (Background, Logs, Arc<Notes>) {
        let notes = Arc::new(Notes::default());
        let (produced, kept) = (AtomicU64::new(0), AtomicU64::new(0));
        let produce = move |logs: mpsc::Sender<Box<dyn Log>>| {
            let run = produced.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                logs.send(Box::new(Numbered(run))).await.unwrap();
                assert!(run > producer_faults, "a fault in a source");
                future::pending().await
            }
        };
        let keep = move || {
            let run = kept.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                assert!(run > keeper_faults, "a fault in a keeper");
                future::pending().await
            }
        };
        let (background, logs) = Background::start(runtime().unwrap(), produce, keep, None, Arc::clone(&notes));
        (background, logs, notes)
    }

    #[test]
    fn a_producer_begins_anew_after_a_fault() {
        let (_background, logs, notes) = logs(2, 0);
        let names: Vec<String> = logs.take(3).map(|log| log.name()).collect();
        assert_eq!(names, ["1", "2", "3"]);
        assert_eq!(notes.take().iter().filter(|note| note.topic == "fault").count(), 2);
    }

    #[test]
    fn a_producer_begins_anew_with_a_keeper_that_may_have_missed_something() {
        let (_background, logs, notes) = logs(0, 2);
        let names: Vec<String> = logs.take(3).map(|log| log.name()).collect();
        assert_eq!(names, ["1", "2", "3"]);
        assert_eq!(notes.take().iter().filter(|note| note.topic == "fault").count(), 2);
    }
}
