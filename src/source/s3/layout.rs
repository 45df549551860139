//! How CloudTrail names its objects:
//! `[PREFIX/]AWSLogs/[o-ORGANISATION/]ACCOUNT/CloudTrail[-KIND]/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_STAMP_….json.gz`.
//! Control Tower puts the organisation's id before `AWSLogs` too. Pure text; what is there is left to the scan.

use crate::checkpoint::TimeRange;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const ROOT: &str = "AWSLogs";

/// The folder of digests.
const DIGESTS: &str = "CloudTrail-Digest";

/// The folders of events. Others beside them belong to other services.
const KINDS: [&str; 4] = ["CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated"];

/// What the folder at the end of a prefix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folder {
    /// Above or beside any `AWSLogs`.
    Outside,
    /// `AWSLogs` or an organisation in it.
    Root,
    /// An account.
    Account,
    /// A kind of events.
    Kind,
    /// A region, the years in it, or deeper.
    Region,
    /// The digests of an account.
    Digests,
    /// A region of these, or deeper.
    DigestRegion,
    /// Something that holds no events.
    Foreign,
}

/// Returns what the folder is that a prefix ends with; text behind the last `/` does not count.
pub(super) fn folder(prefix: &str) -> Folder {
    let Some((complete, _)) = prefix.rsplit_once('/') else { return Folder::Outside };
    let mut folder = Folder::Outside;
    for name in complete.split('/') {
        folder = match folder {
            Folder::Outside if name == ROOT => Folder::Root,
            Folder::Outside => Folder::Outside,
            Folder::Root if is_account(name) => Folder::Account,
            Folder::Root if name.starts_with("o-") => Folder::Root,
            Folder::Account if KINDS.contains(&name) => Folder::Kind,
            Folder::Account if name == DIGESTS => Folder::Digests,
            Folder::Kind | Folder::Region => Folder::Region,
            Folder::Digests | Folder::DigestRegion => Folder::DigestRegion,
            Folder::Root | Folder::Account | Folder::Foreign => Folder::Foreign,
        };
    }
    folder
}

/// Returns the account that a prefix or a key belongs to, where it says so.
pub(super) fn account(path: &str) -> Option<&str> {
    let mut folders = path.split('/').skip_while(|name| *name != ROOT).skip(1);
    folders.find(|name| !name.starts_with("o-")).filter(|name| is_account(name))
}

fn is_account(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns a prefix up to the folder of its region, with the `/` behind it.
pub(super) fn region_folder(prefix: &str) -> Option<&str> {
    let mut starts = prefix.match_indices('/').filter_map(|(at, _)| prefix.get(..=at));
    starts.find(|start| folder(start) == Folder::Region)
}

/// Returns where the digests are of what begins with a prefix, when it is inside of a folder of events.
pub(super) fn digests_of(prefix: &str) -> Option<String> {
    let mut starts = prefix.match_indices('/').filter_map(|(at, _)| prefix.get(..=at));
    let account = starts.find(|start| folder(start) == Folder::Account)?;
    let inside = prefix.get(account.len()..)?;
    let (_, region) = inside.split_once('/').filter(|(kind, _)| KINDS.contains(kind))?;
    // Up to the folder of the region; what is not complete may be the start of several.
    let region = region.split_inclusive('/').next().unwrap_or_default();
    Some(format!("{account}{DIGESTS}/{region}"))
}

/// Returns the folder of a day, in a region's folder.
pub(super) fn day_folder(region_folder: &str, second: i64) -> String {
    let date = Offset::UTC.to_datetime(jiff::Timestamp::from_second(second).unwrap_or_default());
    format!("{region_folder}{:04}/{:02}/{:02}/", date.year(), date.month(), date.day())
}

/// Returns when CloudTrail wrote an object, to the minute by the stamp in its name, or else to the day by its folder.
pub(super) fn time_of(key: &str) -> Option<TimeRange> {
    let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
    if let Some(second) = name.split(['_', '.']).find_map(stamp) {
        return Some(TimeRange::at(second));
    }
    let region = region_folder(key)?;
    let day = folders.get(region.len()..)?;
    let mut parts = day.split('/').map(|part| part.parse::<i16>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let start = DateTime::new(year, month.try_into().ok()?, day.try_into().ok()?, 0, 0, 0, 0).ok()?;
    Some(TimeRange::day_of(Offset::UTC.to_timestamp(start).ok()?.as_second()))
}

/// Reads a stamp such as `20240131T2355Z`; its second counts from the Unix epoch.
pub(super) fn stamp(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    let (date, time) = digits.split_once('T')?;
    let is_stamp = date.len() == 8 && matches!(time.len(), 4 | 6);
    if !is_stamp || !date.bytes().chain(time.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year = date.get(..4)?.parse().ok()?;
    let pairs = |text: &str| text.get(..2)?.parse::<i8>().ok();
    let [month, day] = [4, 6].map(|at| pairs(date.get(at..)?));
    let [hour, minute, second] = [0, 2, 4].map(|at| pairs(time.get(at..)?));
    let start = DateTime::new(year, month?, day?, hour?, minute?, second.unwrap_or(0), 0);
    Some(Offset::UTC.to_timestamp(start.ok()?).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_known_in_every_layout() {
        for (prefix, expected) in [
            ("", Folder::Outside),
            ("AWSLogs", Folder::Outside),
            ("custom/AWSLog/", Folder::Outside),
            ("AWSLogs/", Folder::Root),
            ("a/b/AWSLogs/1111", Folder::Root),
            ("AWSLogs/o-abc123/", Folder::Root),
            ("o-abc/AWSLogs/o-abc/111122223333/", Folder::Account),
            ("AWSLogs/111122223333/", Folder::Account),
            ("AWSLogs/11112222333/", Folder::Foreign),
            ("AWSLogs/111122223333/CloudTrail/", Folder::Kind),
            ("AWSLogs/111122223333/CloudTrail-Insight/", Folder::Kind),
            ("AWSLogs/111122223333/CloudTrail-Digest/", Folder::Digests),
            ("AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2024/", Folder::DigestRegion),
            ("AWSLogs/111122223333/Config/eu-west-1/", Folder::Foreign),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/", Folder::Region),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2024/01/3", Folder::Region),
        ] {
            assert_eq!(folder(prefix), expected, "{prefix}");
        }
    }

    #[test]
    fn accounts_and_regions_are_found() {
        assert_eq!(account("x/AWSLogs/o-1/111122223333/CloudTrail/"), Some("111122223333"));
        assert_eq!(account("AWSLogs/111122223333/"), Some("111122223333"));
        assert_eq!(account("logs/111122223333/a.json"), None);
        let key = "x/AWSLogs/111122223333/CloudTrail/eu-west-1/2024/01/31/a.json";
        assert_eq!(region_folder(key), Some("x/AWSLogs/111122223333/CloudTrail/eu-west-1/"));
        assert_eq!(region_folder("AWSLogs/111122223333/CloudTrail/eu"), None);
    }

    #[test]
    fn digests_are_beside_the_events() {
        let account = "x/AWSLogs/o-1/111122223333/";
        for (inside, digests) in [
            ("CloudTrail/", ""),
            ("CloudTrail-Insight/", ""),
            ("CloudTrail/eu-w", "eu-w"),
            ("CloudTrail/eu-west-1/", "eu-west-1/"),
            ("CloudTrail/eu-west-1/2024/01/3", "eu-west-1/"),
        ] {
            let expected = format!("{account}CloudTrail-Digest/{digests}");
            assert_eq!(digests_of(&format!("{account}{inside}")), Some(expected), "{inside}");
        }
        for other in ["", "logs/", account, "AWSLogs/111122223333/CloudTrail", "AWSLogs/111122223333/Config/eu-west-1/"]
        {
            assert_eq!(digests_of(other), None, "{other}");
        }
    }

    #[test]
    fn times_come_from_the_name_or_the_folder() {
        let folder = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
        assert_eq!(day_folder(folder, 1_706_745_599), format!("{folder}2024/01/31/"));
        let stamped = format!("{folder}2024/01/31/111122223333_CloudTrail_eu-west-1_20240131T2355Z_x.json.gz");
        assert_eq!(time_of(&stamped), Some(TimeRange::at(1_706_745_300)));
        assert_eq!(time_of("flat/1_20240131T235501Z.json"), Some(TimeRange::at(1_706_745_301)));
        assert_eq!(time_of(&format!("{folder}2024/01/31/a.json")), Some(TimeRange::day_of(1_706_745_300)));
        for none in ["a.json", "2024/01/31/a.json", "x_20241331T2355Z.json", "x_2024013éT2355Z.json", "x_20240131T235Z"]
        {
            assert_eq!(time_of(none), None, "{none}");
        }
        assert_eq!(time_of(&format!("{folder}2024/a.json")), None);
    }
}
