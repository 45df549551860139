//! The event history of CloudTrail: the management events of the last 90 days, which every account has without a trail.
//! It is asked for again and again, for each account, region and category by a reading of its own, so that trouble with
//! one holds up none of the others.

mod keeper;
mod pace;
mod patience;
mod reading;
mod target;

use super::memory::Memory;
use super::notes::{Level, Notes};
use super::remote::{Background, OpenError, Settings, runtime};
use super::{Log, Opened, state};
use crate::aws::cloudtrail::Category;
use crate::checkpoint::{Places, Reached, StateFile, StoreError};
use jiff::Timestamp;
use keeper::{Keeper, Kept, Shared};
use reading::{Common, Reading, now};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use target::Target;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// How long CloudTrail keeps events, in seconds.
const KEPT: i64 = 90 * 24 * 60 * 60;

/// How late Insights events may appear at least: they have the time at which something unusual began or ended, and come
/// about half an hour after it was found.
const INSIGHTS_OVERLAP: Duration = Duration::from_secs(6 * 60 * 60);

/// How many requests may be under way: each has an answer in memory.
const REQUESTS: usize = 64;

/// The bounds of what a slice of one history may hold, in bytes.
const SMALLEST_SLICE: usize = 256 << 10;
const LARGEST_SLICE: usize = 4 << 20;

/// What to read, and how.
#[derive(Clone, Debug)]
pub struct LookupSettings {
    /// The regions by their names, none for the configured one; `None` for all that an account has enabled.
    pub regions: Option<Vec<String>>,
    /// The roles to assume, one for each account to read; none for the account of the credentials.
    pub roles: Vec<Role>,
    /// The time from which events are read when nothing is kept of an earlier run, and until when, in seconds since the
    /// Unix epoch; `None` to begin now.
    pub window: Option<(i64, Option<i64>)>,
    /// What the window is called in the configuration: with another one the reading begins anew.
    pub window_name: String,
    /// How long to wait between the beginnings of two looks at a history, at least.
    pub poll_interval: Duration,
    /// How late events may appear.
    pub overlap: Duration,
    /// The one attribute that management events must have, name and value.
    pub attribute: Option<(String, String)>,
    /// Whether to read the Insights events, too.
    pub insights: bool,
    /// Whether to go on when all that is there was read.
    pub follow: bool,
}

/// A role to assume.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Its account.
    pub account: String,
}

/// Opens the histories.
///
/// # Errors
///
/// When there are no credentials or no region, when no history may be read, or when another process has the state of
/// one. Trouble that may pass is no error.
pub fn open(wanted: LookupSettings, settings: &Settings) -> Result<Opened, OpenError> {
    let notes = Arc::new(Notes::default());
    let runtime = runtime().map_err(OpenError::Runtime)?;
    let targets = runtime.block_on(target::find(&wanted, &settings.access, &notes))?;
    let categories =
        if wanted.insights { &[Category::Management, Category::Insight][..] } else { &[Category::Management] };
    let (tell, told) = mpsc::unbounded_channel();
    let common = Arc::new(Common {
        follow: wanted.follow,
        slice_bytes: (settings.memory / 2 / targets.len().max(1)).clamp(SMALLEST_SLICE, LARGEST_SLICE),
        memory: Memory::new(settings.memory / 2),
        requests: Semaphore::new(REQUESTS),
        tell,
        notes: Arc::clone(&notes),
    });
    let mut folder = settings.state_dir.as_deref();
    let (mut readings, mut histories) = (Vec::new(), Vec::new());
    for target in &targets {
        for category in categories {
            let (places, file) = places(&wanted, target, *category, folder, &notes)?;
            // What is wrong with the folder was said; it is the same for all.
            folder = folder.filter(|_| file.is_some());
            let places = Arc::new(Shared::new(places));
            let is_insight = *category == Category::Insight;
            readings.push(Arc::new(Reading {
                number: histories.len(),
                name: target.name(),
                history: target.history.clone(),
                category: *category,
                attribute: wanted.attribute.clone().filter(|_| !is_insight),
                // They come half an hour late, whether they are found soon or not.
                poll_interval: if is_insight { wanted.poll_interval * 4 } else { wanted.poll_interval },
                overlap: if is_insight { wanted.overlap.max(INSIGHTS_OVERLAP) } else { wanted.overlap },
                pace: Arc::clone(&target.pace),
                places: Arc::clone(&places),
                common: Arc::clone(&common),
                begun: AtomicU64::new(0),
            }));
            histories.push(Kept::new(places, file));
        }
    }
    let keeper = Keeper { histories, notes: Arc::clone(&notes) };
    let produce = move |logs| read(readings.clone(), logs);
    let (background, logs) = Background::start(runtime, produce, keeper.run(told), None, Arc::clone(&notes));
    Ok(Opened { logs, background: Some(background), ignored: Vec::new(), ids: None, notes })
}

/// Reads all histories at the same time, to their ends.
async fn read(readings: Vec<Arc<Reading>>, logs: mpsc::Sender<Box<dyn Log>>) {
    let mut running = JoinSet::new();
    for reading in readings {
        let logs = logs.clone();
        running.spawn(async move { reading.run(logs).await });
    }
    while let Some(ended) = running.join_next().await {
        if let Err(fault) = ended
            && let Ok(fault) = fault.try_into_panic()
        {
            resume_unwind(fault);
        }
    }
}

/// Returns how far a history was delivered, and where that is kept.
fn places(
    wanted: &LookupSettings,
    target: &Target,
    category: Category,
    folder: Option<&Path>,
    notes: &Notes,
) -> Result<(Places, Option<StateFile>), StoreError> {
    let Target { account, credentials, region, endpoint, .. } = target;
    let is_insight = category == Category::Insight;
    let kind = if is_insight { "lookup-insight" } else { "lookup" };
    let identity = format!("{credentials} {region} endpoint={}", endpoint.as_deref().unwrap_or_default());
    let name = state::file_name(kind, &format!("{credentials}-{region}"), &identity);
    let (file, kept) = match folder {
        Some(folder) => state::open_file(folder, &format!("{name}.state"), false, notes)?,
        None => (None, None),
    };
    let kept = kept.and_then(|bytes| Places::from_bytes(&bytes));
    let (start, end) = wanted.window.unwrap_or_else(|| (now(), None));
    let begin = || Reached::new(&wanted.window_name, start, end);
    let mut places = kept.clone().unwrap_or_else(|| Places::new(account.as_deref(), begin()));
    places.go_on(account.as_deref(), begin);
    let reached = &mut places.reached;
    // A start is for histories of which nothing is kept; taking it away later must leave no gap.
    if wanted.window_name.is_empty() {
        reached.start_name.clear();
        reached.end = None;
    } else if reached.start_name != wanted.window_name {
        *reached = begin();
    }
    let what = if is_insight { "Insights events" } else { "events" };
    let time = Timestamp::from_second(reached.complete()).unwrap_or_default();
    notes.say(Level::Info, "open", format!("reading {what} of {} from {time} on", target.name()));
    if wanted.window_name.is_empty() && reached.complete() < now() - KEPT {
        let text = format!("{} was read last more than 90 days ago, what came then is forgotten", target.name());
        notes.say(Level::Error, "open", text);
    }
    // Where a first start began must last: the next one would begin later.
    if let Some(file) = file.as_ref().filter(|_| kept.as_ref() != Some(&places))
        && let Err(error) = file.save(&places.to_bytes())
    {
        notes.say(Level::Warn, "state", error.to_string());
    }
    Ok((places, file))
}
