//! Logs in an S3 bucket: once from start to end, or without end. Where a scan stands is kept, so that it goes on after
//! a restart.

mod integrity;
mod keeper;
mod layout;
mod listing;
mod scan;

use super::download::Downloads;
use super::notes::{Level, Notes};
use super::remote::{Background, OpenError, Settings, in_time, runtime};
use super::{Opened, address, state};
use crate::aws::s3::Objects;
use crate::aws::{AwsError, Connection};
use crate::checkpoint::{Positions, StateFile, StoreError};
use integrity::{Integrity, Start};
use jiff::Timestamp;
use keeper::{Keeper, Shared, Teller};
use listing::{Found, Lister, Places};
use scan::{Scan, Window};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// How far back digests are verified when logs were read before and no digests: those of a day.
const DAY: i64 = 24 * 60 * 60;

/// What to read.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// What keys begin with.
    pub prefix: String,
    /// The accounts to read, or none for all.
    pub accounts: Vec<String>,
    /// The time from which objects are read, and until when, in seconds since the Unix epoch.
    pub window: Option<(i64, Option<i64>)>,
    /// What the window is called in the configuration: with another one it is another scan.
    pub window_name: String,
    /// How long to wait before listing again, for a scan without end.
    pub follow: Option<Duration>,
    /// Whether to verify CloudTrail's digests, and the public keys to do it with, DER-encoded PKCS #1; without any they
    /// are those that CloudTrail lists.
    pub verify: Option<Vec<Vec<u8>>>,
}

/// Opens a bucket.
///
/// # Errors
///
/// When there are no credentials, no region or no such bucket, when it may not be listed, or when another process has
/// the state. Trouble that may pass is no error: the scan begins when it has passed.
pub fn open(bucket: Bucket, settings: &Settings) -> Result<Opened, OpenError> {
    let runtime = runtime().map_err(OpenError::Runtime)?;
    let connection = runtime.block_on(Connection::new(&settings.access, None))?;
    let notes = Arc::new(Notes::of(&connection));
    let objects = Objects::new(&connection)?;
    notes.warn_of(connection.warning("S3"));
    let places = runtime.block_on(in_time(look(&bucket, objects.clone(), &notes)))?.flatten();
    let identity = identity(&bucket, connection.endpoint("S3"));
    let name = state::file_name("s3", &bucket.name, &identity);
    let (state, kept) = state::open(settings.state_dir.as_deref(), &name, false, &notes)?;
    let mut positions = kept.progress.as_deref().and_then(|bytes| Positions::from_bytes(bytes, &identity));
    let process = process();
    if bucket.follow.is_none() {
        // A scan with an end that came to it begins anew, but not when it is Falco that reads its configuration again.
        let is_same = |ended: &String| process.as_ref() == Some(ended);
        positions = positions.filter(|kept| kept.ended_by.as_ref().is_none_or(is_same));
    }
    let goes_on = positions.is_some();
    // The ids of an earlier scan must not hide events from this one, not even when it is interrupted in its turn.
    if !goes_on && let Some(Err(error)) = state.ids.as_ref().map(|ids| ids.save(&[])) {
        notes.say(Level::Warn, "state", error.to_string());
    }
    let manner = if goes_on { "going on where the last run ended" } else { "from the start" };
    notes.say(Level::Info, "open", format!("reading {}: {manner}", address(&bucket.name, &bucket.prefix)));
    let begin = || Positions { window: bucket.window, ..Positions::new(&identity) };
    let mut positions = positions.unwrap_or_else(begin);
    positions.ended_by = None;
    let window = positions.window.map(|(start, end)| Window { start, end });
    let shared = Arc::new(Shared::new(positions));
    let (tell, told) = Teller::new();
    let keeper = Arc::new(Keeper {
        told: told.into(),
        shared: Arc::clone(&shared),
        file: state.progress.map(Arc::new),
        notes: Arc::clone(&notes),
        ends_as: bucket.follow.is_none().then(|| process.unwrap_or_else(|| "a process".to_owned())),
    });
    let memory = settings.memory;
    let downloads = Downloads::new(objects.clone(), settings.download_concurrency, memory, Arc::clone(&notes));
    let (digests, name) = (bucket.verify.is_some(), bucket.name.as_str().into());
    let lister = Lister { objects, bucket: name, notes: Arc::clone(&notes), patient: true, digests };
    let integrity = match bucket.verify.clone() {
        Some(keys) => {
            let (file, kept) = integrity_state(&bucket, settings, &identity, &notes)?;
            let (window, kept) = (bucket.window, kept.filter(|_| goes_on));
            let since = window.map(|(start, _)| start).or_else(|| goes_on.then(|| Timestamp::now().as_second() - DAY));
            let start = Start { keys, window, kept, since, file, follows: bucket.follow.is_some() };
            let (lister, downloads) = (lister.clone(), downloads.clone());
            Some(Arc::new(Integrity::new(start, connection, lister, downloads, Arc::clone(&notes))))
        }
        None => None,
    };
    let scan = Scan {
        lister,
        prefix: bucket.prefix,
        accounts: bucket.accounts,
        window,
        follow: bucket.follow,
        downloads,
        shared,
        tell,
        integrity,
        notes: Arc::clone(&notes),
    };
    let scan = Arc::new(scan);
    let produce = move |logs| Arc::clone(&scan).run(places.clone(), logs);
    let keep = move || Arc::clone(&keeper).run();
    let (background, logs) = Background::start(runtime, produce, keep, state.ids, Arc::clone(&notes));
    let ids = kept.ids.filter(|_| goes_on);
    Ok(Opened { logs, background: Some(background), ignored: Vec::new(), ids, notes })
}

/// Opens what is kept of the digests, and returns what was kept when they were verified last. Without a folder, or one
/// that cannot be written, nothing is kept, which is noted.
fn integrity_state(
    bucket: &Bucket,
    settings: &Settings,
    identity: &str,
    notes: &Notes,
) -> Result<(Option<StateFile>, Option<Vec<u8>>), OpenError> {
    let Some(folder) = settings.state_dir.as_deref() else { return Ok((None, None)) };
    let name = format!("{}.state", state::file_name("digests", &bucket.name, identity));
    match state::open_file(folder, &name, notes) {
        Ok((file, kept)) => Ok((Some(file), kept)),
        Err(error @ StoreError::Locked { .. }) => Err(error.into()),
        // The same is told of the other state there.
        Err(StoreError::Unusable { .. }) => Ok((None, None)),
    }
}

/// Looks what the bucket holds, `None` when trouble that may pass keeps it from answering.
async fn look(bucket: &Bucket, objects: Objects, notes: &Arc<Notes>) -> Result<Option<Places>, AwsError> {
    let (name, notes) = (bucket.name.as_str().into(), Arc::clone(notes));
    let digests = bucket.verify.is_some();
    let lister = Lister { objects, bucket: name, notes: Arc::clone(&notes), patient: false, digests };
    let Found { places, denied } = match lister.places(&bucket.prefix, &bucket.accounts).await {
        Ok(found) => found,
        Err(error) if error.is_transient() && !error.is_credentials() => {
            notes.say(Level::Warn, "retry", format!("{error}; trying again"));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    for (folder, error) in denied {
        let is_named =
            layout::account(&folder).is_some_and(|account| bucket.accounts.iter().any(|name| name == account));
        if places.logs.is_empty() || is_named {
            return Err(error);
        }
        notes.say(Level::Error, "denied", format!("{error}; nothing is read there"));
    }
    if places.logs.is_empty() && bucket.follow.is_none() {
        notes.say(Level::Warn, "open", format!("no logs in {}", address(&bucket.name, &bucket.prefix)));
    }
    Ok(Some(places))
}

/// Returns what tells a scan from others whose positions mean nothing to it.
fn identity(bucket: &Bucket, endpoint: Option<String>) -> String {
    let Bucket { name, prefix, accounts, window_name, follow, .. } = bucket;
    let mut accounts = accounts.clone();
    accounts.sort();
    format!(
        "s3://{name}/{prefix} accounts={} window={window_name} follow={} endpoint={}",
        accounts.join(","),
        follow.is_some(),
        endpoint.unwrap_or_default(),
    )
}

/// Returns what tells this process from all others, also from those before the machine's last start.
fn process() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The id, the name in parentheses, which may hold anything, and behind it the start time as the 20th value.
    let (before, behind) = stat.rsplit_once(')')?;
    let (id, start) = (before.split(' ').next()?, behind.split_whitespace().nth(19)?);
    Some(format!("{} {id} {start}", boot.trim()))
}
