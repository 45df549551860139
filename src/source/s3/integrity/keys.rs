//! The public keys that digests are verified with: those of the configuration, or those that CloudTrail lists.

use crate::aws::keys::PublicKeys;
use crate::aws::{AwsError, Connection, Service};
use crate::source::backoff::Backoff;
use crate::source::notes::{Level, Notes};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Lock;

/// How long before the end of a digest's hour its key may have begun to be used.
const HOUR: i64 = 60 * 60;

/// How long a list of keys is taken for complete: whoever may write digests can name keys that there are not.
const FRESH: Duration = Duration::from_secs(60);

/// How often keys are asked for in one pass.
const ATTEMPTS: u32 = 5;

/// Where public keys come from.
pub(super) enum Keys {
    /// The configuration: any of them may have signed any digest.
    Given(Vec<Vec<u8>>),
    /// CloudTrail, which has others in each region.
    Listed(Box<Listing>),
}

/// What lists keys, and those that it has listed.
pub(super) struct Listing {
    connection: Connection,
    regions: Mutex<HashMap<String, Arc<Lock<Known>>>>,
    notes: Arc<Notes>,
}

/// The keys of a region that were listed so far.
#[derive(Default)]
pub(super) struct Known {
    keys: HashMap<String, Vec<u8>>,
    /// From when on all are known, as of when.
    listed: Option<(i64, Instant)>,
}

impl Keys {
    /// Takes the keys of the configuration, or where to list them when there are none.
    pub fn new(given: Vec<Vec<u8>>, connection: Connection, notes: Arc<Notes>) -> Self {
        if given.is_empty() {
            Self::Listed(Box::new(Listing { connection, regions: Mutex::default(), notes }))
        } else {
            Self::Given(given)
        }
    }

    /// Returns the keys that may have signed a digest: none when there is none of this fingerprint. `end` is when the
    /// digest's hour ended, `now` when a backfill digest may have been signed at the latest.
    ///
    /// # Errors
    ///
    /// When the keys of the region may not be listed.
    pub async fn of(&self, region: &str, fingerprint: &str, end: i64, now: i64) -> Result<Vec<Vec<u8>>, AwsError> {
        let Listing { connection, regions, notes } = match self {
            Self::Given(keys) => return Ok(keys.clone()),
            Self::Listed(listing) => &**listing,
        };
        let region_keys = {
            let mut regions = regions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(regions.entry(region.to_owned()).or_default())
        };
        let mut known = region_keys.lock().await;
        let start = end.saturating_sub(2 * HOUR);
        let is_fresh = known.listed.is_some_and(|(from, at)| from <= start && at.elapsed() < FRESH);
        if !known.keys.contains_key(fingerprint) && !is_fresh {
            let from = known.listed.map_or(start, |(from, _)| from.min(start));
            known.keys = list(&PublicKeys::new(connection, region)?, from, now.max(end) + HOUR, notes).await?;
            known.listed = Some((from, Instant::now()));
        }
        Ok(known.keys.get(fingerprint).cloned().into_iter().collect())
    }
}

/// Lists keys, past troubles of the network that do not last: one region must not hold up the others.
async fn list(keys: &PublicKeys, from: i64, to: i64, notes: &Notes) -> Result<HashMap<String, Vec<u8>>, AwsError> {
    let mut backoff = Backoff::default();
    let mut attempts = 1;
    loop {
        match keys.list(from, to).await {
            Ok(listed) => return Ok(listed.into_iter().map(|key| (key.fingerprint, key.der)).collect()),
            Err(error) if error.is_transient() && attempts < ATTEMPTS => {
                notes.retry(Service::CloudTrail, "retry", Level::Warn, &error);
                backoff.wait().await;
                attempts += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
