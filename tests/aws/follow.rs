//! `s3Follow`: new objects are found without end, late ones too, and a restart goes on where the last run ended.

use super::consumer::{Consumer, Source, sorted};
use super::logs::{ACCOUNTS, Log, REGIONS, Stamp, bucket, ids, key, spread};
use super::server::server;
use std::fs;

fn source(bucket: &str) -> Source {
    Source::s3(bucket).with("s3Follow", true).with("s3FollowInterval", "1s")
}

/// An object of one account and region.
fn log(minute: u32, first: u64) -> Log {
    Log::new(key("AWSLogs", ACCOUNTS[0], REGIONS[0], Stamp { day: 9, minute }, first), first, 2)
}

fn put(bucket: &str, log: &Log) {
    server().put(bucket, [log.object()]);
}

fn has_state(source: &Source) -> bool {
    fs::read_dir(source.state()).is_ok_and(|mut files| files.any(|file| file.unwrap().metadata().unwrap().len() > 0))
}

/// Reads the events of one more log.
#[track_caller]
fn read_more(consumer: &mut Consumer, log: &Log) {
    let count = consumer.ids.len();
    consumer.read(count + log.count as usize);
    assert_eq!(sorted(consumer.ids[count..].to_vec()), log.ids().collect::<Vec<_>>());
}

#[test]
fn new_and_late_objects_are_found_and_a_restart_repeats_nothing() {
    let backlog: Vec<Log> = (0..5).map(|number| log(600 + 5 * number, 10 * u64::from(number))).collect();
    let name = bucket("follow", &backlog);
    let source = source(&name);
    let mut consumer = source.start();
    consumer.read(10);
    assert_eq!(consumer.ids, ids(&backlog));

    let newer = log(700, 100);
    put(&name, &newer);
    read_more(&mut consumer, &newer);
    let late = log(700 - 60, 200);
    put(&name, &late);
    read_more(&mut consumer, &late);
    let (read, lines) = consumer.stop();
    assert_eq!(read.len(), 14);
    assert!(has_state(&source), "{lines:#?}");

    // What comes in between, in order and out of order.
    let missed = [log(720, 300), log(700 - 55, 310), log(700 - 45, 320)];
    missed.iter().for_each(|log| put(&name, log));
    let mut consumer = source.start();
    consumer.read(6);
    assert_eq!(sorted(consumer.ids.clone()), ids(&missed));
    let newest = log(730, 400);
    put(&name, &newest);
    read_more(&mut consumer, &newest);
    assert_eq!(consumer.stop().0.len(), 8);
}

#[test]
fn new_accounts_and_regions_are_found() {
    let first = Log::new(key("AWSLogs", ACCOUNTS[0], REGIONS[0], Stamp { day: 1, minute: 0 }, 0), 0, 2);
    let name = bucket("grow", &[first]);
    let source = source(&name);
    let mut consumer = source.start();
    consumer.read(2);
    let grown = spread("AWSLogs", 100, 12, 1);
    server().put(&name, grown.iter().map(Log::object));
    consumer.read(14);
    assert_eq!(sorted(consumer.stop().0[2..].to_vec()), ids(&grown));
}

#[test]
fn without_a_writable_folder_it_runs_and_says_so_once() {
    let name = bucket("stateless", &[log(0, 0)]);
    let source = source(&name).with("stateDir", "/dev/null/state");
    let mut consumer = source.start();
    consumer.read(2);
    let newer = log(5, 10);
    put(&name, &newer);
    read_more(&mut consumer, &newer);
    let (_, lines) = consumer.stop();
    assert_eq!(lines.iter().filter(|line| line.contains("/dev/null/state")).count(), 1, "{lines:#?}");
}

#[test]
fn a_second_host_is_kept_off_the_same_state() {
    let name = bucket("locked", &[log(0, 0)]);
    let source = source(&name);
    let mut first = source.start();
    first.read(2);
    let refusal = source.refusal();
    assert!(refusal.contains("stateDir") || refusal.contains(source.state().to_str().unwrap()), "{refusal}");
    assert_eq!(first.stop().0.len(), 2);
}

#[test]
fn damaged_state_is_set_aside() {
    let name = bucket("torn", &[log(0, 0)]);
    let source = source(&name);
    let mut consumer = source.start();
    consumer.read(2).read_until("there is state", || has_state(&source));
    consumer.stop();
    for file in fs::read_dir(source.state()).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if let Some(last) = bytes.last_mut() {
            *last ^= 0x55;
            fs::write(&path, bytes).unwrap();
        }
    }
    let mut consumer = source.start();
    consumer.read(2);
    let (_, lines) = consumer.stop();
    assert!(lines.iter().any(|line| line.contains(source.state().to_str().unwrap())), "{lines:#?}");
}
