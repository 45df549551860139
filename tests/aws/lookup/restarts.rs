//! What is kept over a restart, and who may use it.

use super::reading::in_process;
use super::*;
use crate::abi::alone;
use crate::abi::host::Library;
use crate::abi::threads::{descriptors, plugin_threads};
use crate::aws::consumer::sorted;
use crate::aws::reload::evaluate;
use std::fs;

#[test]
fn a_restart_goes_on_and_repeats_nothing() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..200, 18 * MINUTE));
    let source = source(&trail, "");
    let mut consumer = source.start();
    consumer.read(200);
    assert_eq!(consumer.stop().0, ids(0..200));
    // Late ones among those that were delivered, and new ones.
    let between = events(0..100, 18 * MINUTE).map(|event| Event::new(event.number + 200, event.time));
    trail.add(ACCOUNT, REGION, between);
    trail.add(ACCOUNT, REGION, (300..310).map(|number| Event::new(number, now())));
    let mut consumer = source.start();
    consumer.read(110);
    let queries = trail.queries(ACCOUNT, REGION, Category::Management);
    wait_for_queries(&trail, REGION, queries + 2);
    assert_eq!(sorted(consumer.stop().0), ids(200..310));
}

#[test]
fn a_first_start_without_events_is_where_the_next_one_begins() {
    let trail = Trail::start();
    let source = source(&trail, "").with("lookup", json!({"pollInterval": "1s"}));
    trail.add(ACCOUNT, REGION, [Event::new(0, now() - MINUTE)]);
    let consumer = source.start();
    wait_for_queries(&trail, REGION, 2);
    drop(consumer.kill());
    trail.add(ACCOUNT, REGION, [Event::new(1, now())]);
    let mut consumer = source.start();
    consumer.read(1);
    assert_eq!(consumer.stop().0, [event_id(1)]);
}

#[test]
fn another_start_begins_anew_and_no_start_goes_on() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..10, 10 * MINUTE));
    let mut source = to_end(&trail, "");
    assert_eq!(source.read(), ids(0..10));
    trail.add(ACCOUNT, REGION, [Event::new(10, now() - 9 * MINUTE)]);
    assert_eq!(source.read(), ids(10..11));
    source = source.with("lookup", json!({"start": "2h", "follow": false}));
    assert_eq!(sorted(source.read()), ids(0..11));
    trail.add(ACCOUNT, REGION, [Event::new(11, now() - 8 * MINUTE)]);
    source = source.with("lookup", json!({"follow": false}));
    assert_eq!(source.read(), ids(11..12));
}

#[test]
fn regions_that_are_added_later_begin_then() {
    let trail = Trail::start();
    for (number, region) in [(0, REGION), (1, "eu-west-1")] {
        trail.add(ACCOUNT, region, [Event::new(number, now() - MINUTE)]);
    }
    let first = to_end(&trail, "");
    assert_eq!(first.read(), ids(0..1));
    assert_eq!(first.with_params("lookup://us-east-1,eu-west-1").read(), ids(1..2));
}

#[test]
fn two_hosts_do_not_share_a_place() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..1, MINUTE));
    let source = source(&trail, "");
    let mut consumer = source.start();
    consumer.read(1);
    let error = source.refusal();
    assert!(error.contains("is locked by another process; stop the other falco"), "{error}");
    consumer.stop();
}

#[test]
fn state_that_is_damaged_is_set_aside() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..3, 5 * MINUTE));
    let source = to_end(&trail, "");
    assert_eq!(source.read(), ids(0..3));
    let states: Vec<_> = fs::read_dir(source.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "state"))
        .collect();
    let [state] = states.as_slice() else { panic!("{states:?}") };
    assert!(state.file_name().unwrap().to_str().unwrap().starts_with("lookup-default-us-east-1-"), "{states:?}");
    fs::write(state, "torn").unwrap();
    let (read, log) = source.read_with_logs();
    assert_eq!(read, ids(0..3));
    assert!(log.iter().any(|line| line.contains("the state that was kept is not usable")), "{log:#?}");
}

#[test]
fn without_a_folder_for_state_it_is_read_all_the_same() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..3, 5 * MINUTE));
    let source = to_end(&trail, "us-east-1,eu-west-1").with("stateDir", "/proc/none");
    let (read, log) = source.read_with_logs();
    assert_eq!(read, ids(0..3));
    let lines = log.iter().filter(|line| line.contains("until then every start begins anew")).count();
    assert_eq!(lines, 1, "said once, not for every region: {log:#?}");
}

/// Falco reads its configuration again in the middle of events, again and again.
#[test]
fn a_reload_goes_on_behind_the_last_event() {
    alone("aws::lookup::restarts::a_reload_goes_on_behind_the_last_event", || {
        let trail = Trail::start();
        trail.add(ACCOUNT, REGION, events(0..300, 10 * MINUTE));
        let folder = tempfile::tempdir().unwrap();
        let config = in_process(&trail, folder.path());
        let library = Library::load();
        let (mut evaluated, mut resources) = (Vec::new(), Vec::new());
        for most in [0, 1, 37, 100, 150, 1000] {
            let plugin = library.init(&config).unwrap();
            evaluate(&plugin, "lookup://", most, &mut evaluated, &|| false);
            drop(plugin);
            assert_eq!(plugin_threads(), 0, "no thread outlives a close");
            resources.push(descriptors());
        }
        assert_eq!(evaluated, ids(0..300));
        assert_eq!(resources[2], resources[5], "descriptors stay flat");
    });
}
