//! The event history of accounts, against a LookupEvents over HTTP that is slow, late and forgetful as the service is.

mod full;
mod reading;
mod restarts;
mod targets;
mod trouble;

use super::consumer::{PATIENCE, Source};
use super::trail::{ACCOUNT, Category, Event, Trail};
use crate::oracle::generate::event_id;
use serde_json::json;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

const REGION: &str = "us-east-1";
const MINUTE: i64 = 60;

/// Returns the time in seconds.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// A start that looks every second and begins hours ago. What is known it must know without the memory of all sources.
fn source(trail: &Trail, regions: &str) -> Source {
    Source::at(&trail.url(), format!("lookup://{regions}"))
        .with("dedupe", 0)
        .with("lookup", json!({"start": "3h", "pollInterval": "1s"}))
}

/// The same, which ends when all that is there was read.
fn to_end(trail: &Trail, regions: &str) -> Source {
    source(trail, regions).with("lookup", json!({"start": "3h", "follow": false}))
}

fn ids(numbers: Range<u64>) -> Vec<String> {
    numbers.map(event_id).collect()
}

/// Events a second apart, the first one of them so many seconds ago.
fn events(numbers: Range<u64>, seconds_ago: i64) -> impl Iterator<Item = Event> {
    let first = now() - seconds_ago;
    numbers.clone().map(move |number| Event::new(number, first + (number - numbers.start) as i64))
}

/// Waits until the history was asked for this often without a token.
#[track_caller]
fn wait_for_queries(trail: &Trail, region: &str, count: usize) {
    let of_region = |lookups: &[super::trail::Lookup]| {
        lookups.iter().filter(|lookup| lookup.region == region && !lookup.has_token).count() >= count
    };
    assert!(trail.wait(PATIENCE, of_region), "{region} is not asked for");
}
