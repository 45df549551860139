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
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
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
const AFTER_FAULT: Duration = Duration::from_secs(5);

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
    /// `keep` ends when nobody is left who could tell it anything.
    pub(super) fn start<P>(
        runtime: Runtime,
        produce: impl Fn(mpsc::Sender<Box<dyn Log>>) -> P + Send + 'static,
        keep: impl Future<Output = ()> + Send + 'static,
        ids: Option<StateFile>,
        notes: Arc<Notes>,
    ) -> (Self, Logs)
    where
        P: Future<Output = ()> + Send + 'static,
    {
        let (sender, mut logs) = mpsc::channel(WAITING_LOGS);
        let to_tell = Arc::clone(&notes);
        let producer =
            runtime.spawn(async move { go_on_after_faults(move || produce(sender.clone()), &to_tell).await });
        let keeper = Some(runtime.spawn(keep));
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
