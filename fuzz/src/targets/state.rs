//! What is kept in `stateDir`: any bytes are read or refused, what is read is written as it was, and going on from any
//! state takes no more room than there was.

use std::cell::LazyCell;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::checkpoint::{DoneSet, Layout, Object, ObjectId, Places, Positions, Reached, StateFile, TimeRange};
use crate::choices::Choices;
use crate::decode::seen::Seen;

/// How many ids a set holds at most.
const MOST: usize = 50;

/// One of how many inputs is put into a file, which takes longer than all else.
const FILES: usize = 64;

thread_local! {
    static FOLDER: LazyCell<TempDir> = LazyCell::new(|| {
        // What is synced there costs nothing.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        folder.unwrap()
    });
}

/// Reads bytes as every kind of state.
pub fn run(input: &[u8]) {
    let mut choices = Choices::of(input);
    positions(input, &mut choices);
    places(input, &mut choices);
    done(input, &mut choices);
    seen(input, &mut choices);
    if choices.below(FILES) == 0 {
        FOLDER.with(|folder| file(folder.path(), input));
    }
}

/// Times near to each other, and those at the ends.
fn time(choices: &mut Choices<'_>) -> i64 {
    let near = choices.below(1 << 13) as i64;
    [near * 1000, -near, i64::MAX - near, i64::MIN + near, near, 1_700_000_000 + near][choices.below(6)]
}

fn positions(bytes: &[u8], choices: &mut Choices<'_>) {
    // A list is read as an object's values in their order.
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let identity = value.get("identity").or(value.get(0)).and_then(|identity| identity.as_str());
    let Some(identity) = identity else {
        assert_eq!(Positions::from_bytes(bytes, ""), None);
        return;
    };
    assert_eq!(Positions::from_bytes(bytes, &format!("{identity}x")), None);
    let Some(mut positions) = Positions::from_bytes(bytes, identity) else { return };
    let written = positions.to_bytes().unwrap();
    assert_eq!(Positions::from_bytes(&written, identity).as_ref(), Some(&positions));
    assert!(written.len() <= 2 * bytes.len() + 200, "{} bytes of {}", written.len(), bytes.len());

    let prefix = positions.partitions.keys().next().cloned().unwrap_or_default();
    let layout = [Layout::Dated, Layout::Flat][choices.below(2)];
    let partition = positions.partition(&prefix, layout);
    for pass in 0..choices.below(3) {
        partition.pass_begins(time(choices));
        partition.list_from();
        let mut after = partition.resume_after().map(str::to_owned);
        for object in 0..choices.below(4) {
            let key = format!("{}{pass}{object}", after.as_deref().unwrap_or_default());
            let second = time(choices);
            let time = if choices.below(2) == 0 { TimeRange::at(second) } else { TimeRange::day_of(second) };
            assert!(time.low <= time.high);
            let object = Object { key: &key, id: ObjectId::of(&[&key]), time };
            if partition.is_new(&object) {
                partition.consume(&object);
                assert!(layout == Layout::Dated || !partition.is_new(&object), "{object:?}");
            }
            after = Some(key);
        }
        partition.pass_ended();
    }
    let written = positions.to_bytes().unwrap();
    assert_eq!(Positions::from_bytes(&written, identity).as_ref(), Some(&positions));
}

fn places(bytes: &[u8], choices: &mut Choices<'_>) {
    let Some(mut places) = Places::from_bytes(bytes) else { return };
    assert_eq!(Places::from_bytes(&places.to_bytes()).as_ref(), Some(&places));
    let account = ["111122223333", "444455556666", ""][choices.below(3)];
    places.go_on(Some(account), || Reached::new("", time(choices), None));
    let reached = &mut places.reached;
    reached.deliver((time(choices), ObjectId::LEAST));
    let complete = time(choices);
    if reached.advance(complete) {
        assert!(reached.complete() == complete && reached.delivered().iter().all(|event| event.0 >= complete));
    }
    assert_eq!(Places::from_bytes(&places.to_bytes()).as_ref(), Some(&places));
}

fn done(bytes: &[u8], choices: &mut Choices<'_>) {
    let capacity = choices.below(MOST);
    let Some(set) = DoneSet::from_bytes(capacity, bytes) else {
        assert_ne!(bytes.len() % ObjectId::BYTES, 0);
        return;
    };
    assert!(set.len() <= capacity && set.iter().all(|id| set.contains(id)));
    let written = set.to_bytes();
    let again = DoneSet::from_bytes(capacity, &written).unwrap();
    assert!(again.to_bytes() == written && written.len() <= bytes.len());
}

fn seen(bytes: &[u8], choices: &mut Choices<'_>) {
    let capacity = choices.below(MOST);
    let seen = Seen::from_written(bytes, capacity);
    let written = seen.written(seen.count());
    let again = Seen::from_written(&written, capacity);
    assert_eq!(again.written(again.count()), written);
    assert!(written.len() <= bytes.len().max(ObjectId::BYTES));
    let part = Seen::from_written(&seen.written(choices.below(MOST) as u64), capacity);
    assert!(part.count() <= seen.count());
}

/// Finds a file of these bytes, and then one that holds them as its payload.
fn file(folder: &Path, bytes: &[u8]) {
    const NAME: &str = "state";
    fs::write(folder.join(NAME), bytes).unwrap();
    let opened = StateFile::open(folder, NAME).unwrap();
    assert_eq!(opened.payload.is_none(), opened.set_aside.is_some());
    if let Some((_, reason)) = &opened.set_aside {
        assert!(!reason.contains(char::is_control), "{reason:?}");
    }
    opened.file.save(bytes).unwrap();
    drop(opened);
    let opened = StateFile::open(folder, NAME).unwrap();
    assert!(opened.payload.as_deref() == Some(bytes) && opened.set_aside.is_none());
}
