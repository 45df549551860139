//! The key of an object: whatever it is, the folders and the time that are read from it lie in it.

use super::layout::{Folder, account, day_folder, folder, region_folder, time_of};
use crate::checkpoint::TimeRange;
use crate::decode::name::{is_log_key, is_log_name};

/// The times of which a folder has four digits for the year.
const FOUR_DIGITS: std::ops::Range<i64> = 0..253_402_300_800;

/// Reads a key.
pub fn run(input: &[u8]) {
    let key = String::from_utf8_lossy(input);
    assert!(!is_log_key(&key) || is_log_name(&key));
    assert!(account(&key).is_none_or(|account| account.len() == 12 && key.contains(account)));
    let region = region_folder(&key);
    if let Some(region) = region {
        assert!(key.starts_with(region) && region.ends_with('/') && folder(region) == Folder::Region);
    }
    let Some(TimeRange { low, high }) = time_of(&key) else { return };
    assert!(low == high || (low, high) == (TimeRange::day_of(low).low, TimeRange::day_of(low).high));
    if let Some(region) = region
        && FOUR_DIGITS.contains(&low)
    {
        let object = day_folder(region, low) + "object";
        assert_eq!(time_of(&object), Some(TimeRange::day_of(low)), "{object}");
    }
}
