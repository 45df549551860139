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
use super::remote::{Background, OpenError, Settings, go_on_after_faults, runtime};
use super::{Log, Opened, state};
use crate::aws::cloudtrail::Category;
use crate::checkpoint::{Places, Reached, StateFile, StoreError};
use jiff::Timestamp;
use keeper::{Keeper, Kept, Shared};
use reading::{Common, Reading, now};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use target::Target;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// How long CloudTrail keeps events, in seconds.
const RETENTION: i64 = 90 * 24 * 60 * 60;

/// How late Insights events may appear at least: they have the time at which something unusual began or ended, and come
/// about half an hour after it was found.
const INSIGHTS_OVERLAP: Duration = Duration::from_secs(6 * 60 * 60);

/// How many requests may be under way: each has an answer in memory.
const REQUESTS: usize = 64;

/// The bounds of what a slice of one history may hold, in bytes: some pages at least, and no more than come in seconds,
/// since its events are delivered when all of it is there.
const SMALLEST_SLICE: usize = 192 << 10;
const LARGEST_SLICE: usize = 1 << 20;

/// What to read, and how.
#[derive(Clone, Debug)]
pub struct LookupSettings {
    /// The regions to read.
    pub regions: Regions,
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

/// Which regions of an account to read.
#[derive(Clone, Debug)]
pub enum Regions {
    /// The configured one.
    Configured,
    /// Those with these names, at least one.
    Named(Vec<String>),
    /// All that the account has enabled.
    All,
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
    let runtime = runtime().map_err(OpenError::Runtime)?;
    let connection = runtime.block_on(target::connect(&wanted, &settings.access))?;
    let notes = Arc::new(Notes::of(&connection));
    let targets = runtime.block_on(target::find(&wanted, &settings.access, connection, &notes))?;
    let categories =
        if wanted.insights { &[Category::Management, Category::Insight][..] } else { &[Category::Management] };
    let (tell, told) = mpsc::unbounded_channel();
    // They are small, and the feed has more behind it.
    let memory = Memory::new(settings.memory / 8);
    let _ = notes.memory.set(memory.clone());
    let common = Arc::new(Common {
        follow: wanted.follow,
        slice_bytes: (settings.memory / 2 / targets.len().max(1)).clamp(SMALLEST_SLICE, LARGEST_SLICE),
        memory,
        requests: Semaphore::new(REQUESTS),
        tell,
        notes: Arc::clone(&notes),
    });
    let (mut readings, mut histories) = (Vec::new(), Vec::new());
    let mut unusable = None;
    for target in &targets {
        for category in categories {
            let name = file_name(target, *category);
            let (file, kept) = match settings.state_dir.as_deref().map(|folder| state::open_file(folder, &name, &notes))
            {
                Some(Ok((file, kept))) => (Some(file), kept),
                Some(Err(error @ StoreError::Locked { .. })) => return Err(error.into()),
                Some(Err(error)) => {
                    unusable.get_or_insert(error);
                    (None, None)
                }
                None => (None, None),
            };
            let places = places(&wanted, target, *category, kept.as_deref(), file.as_ref(), &notes);
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
                runs: AtomicU64::new(0),
            }));
            histories.push(Kept::new(places, file));
        }
    }
    // Said once: it is the same for most or all.
    if let Some(error) = unusable {
        notes.say(Level::Warn, "state", state::without(&error));
    }
    let keeper = Arc::new(Keeper::new(told, histories, Arc::clone(&notes)));
    let to_tell = Arc::clone(&notes);
    let produce = move |logs| read(readings.clone(), logs, Arc::clone(&to_tell));
    let keep = move || Arc::clone(&keeper).run();
    let (background, logs) = Background::start(runtime, produce, keep, None, Arc::clone(&notes));
    Ok(Opened { logs, background: Some(background), ignored: Vec::new(), ids: None, notes })
}

/// Reads all histories at the same time, to their ends.
async fn read(readings: Vec<Arc<Reading>>, logs: mpsc::Sender<Box<dyn Log>>, notes: Arc<Notes>) {
    let mut running = JoinSet::new();
    for reading in readings {
        let (logs, notes) = (logs.clone(), Arc::clone(&notes));
        running.spawn(async move {
            go_on_after_faults(|| Arc::clone(&reading).run(logs.clone()), &notes).await;
        });
    }
    while running.join_next().await.is_some() {}
}

/// Returns the name of the file for how far a history was delivered: the same whether or not the account is known.
fn file_name(target: &Target, category: Category) -> String {
    let Target { credentials, region, .. } = target;
    let kind = if category == Category::Insight { "lookup-insight" } else { "lookup" };
    let name = format!("{credentials}-{region}");
    format!("{}.state", state::file_name(kind, &name, &name))
}

/// Returns how far a history was delivered, or where it begins, and writes that down if it is not what was kept.
fn places(
    wanted: &LookupSettings,
    target: &Target,
    category: Category,
    kept: Option<&[u8]>,
    file: Option<&StateFile>,
    notes: &Notes,
) -> Places {
    let account = target.account.as_deref();
    let kept = kept.and_then(Places::from_bytes);
    let (start, end) = wanted.window.unwrap_or_else(|| (now(), None));
    let begin = || Reached::new(&wanted.window_name, start, end);
    let mut places = kept.clone().unwrap_or_else(|| Places::new(account, begin()));
    places.go_on(account, begin);
    let reached = &mut places.reached;
    if !wanted.window_name.is_empty() && reached.start_name != wanted.window_name {
        *reached = begin();
    } else if wanted.window_name.is_empty() {
        // A start is for histories of which nothing is kept; taking it away later must leave no gap.
        reached.start_name.clear();
        reached.end = None;
        if reached.complete() > now() {
            let text =
                format!("{} was read last when the clock was ahead: beginning now, some may be missing", target.name());
            notes.say(Level::Error, "open", text);
            *reached = begin();
        }
    }
    let what = if category == Category::Insight { "Insights events" } else { "events" };
    let time = Timestamp::from_second(reached.complete()).unwrap_or_default();
    notes.say(Level::Info, "open", format!("reading {what} of {} from {time} on", target.name()));
    if wanted.window_name.is_empty() && reached.complete() < now() - RETENTION {
        let text = format!(
            "{} was not read for so long that CloudTrail, which keeps events for 90 days, has none from {time} on",
            target.name()
        );
        notes.say(Level::Error, "open", text);
    }
    // Where a first start began must last: the next one would begin later.
    if let Some(file) = file.filter(|_| kept.as_ref() != Some(&places)) {
        match file.save(&places.to_bytes()) {
            Ok(()) => notes.state_kept(),
            Err(error) => notes.say(Level::Warn, "state", error.to_string()),
        }
    }
    places
}
