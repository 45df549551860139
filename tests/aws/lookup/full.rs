//! Everything at once: several regions, late events, failing requests, kills.
//!
//! `CT_LOOKUPS=50000` and `CT_KILLS=20` are full size; without them little is enough to see that it works.

use super::*;
use crate::aws::consumer::{Consumer, sorted};
use crate::aws::trail::{Fault, Lookup};
use fastrand::Rng;
use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;
use std::time::Duration;

const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-east-2"];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

/// Numbers of the events of one region.
fn of_region(index: usize, all: u64) -> Range<u64> {
    let each = all / REGIONS.len() as u64;
    index as u64 * each..(index as u64 + 1) * each
}

/// The events of all regions, over two hours.
fn all_events(all: u64) -> impl Iterator<Item = (&'static str, Event)> {
    let first = now() - 120 * MINUTE;
    REGIONS.into_iter().enumerate().flat_map(move |(index, region)| {
        let numbers = of_region(index, all);
        let (start, count) = (numbers.start, (numbers.end - numbers.start) as i64);
        numbers.map(move |number| (region, Event::new(number, first + 119 * MINUTE * (number - start) as i64 / count)))
    })
}

/// Tells whether an event appears late: of the last ten minutes each fifth does. At full size it is older by the time that
/// it may appear.
fn is_late(event: &Event) -> bool {
    event.time > now() - 10 * MINUTE && event.number.is_multiple_of(5)
}

fn add(trail: &Trail, events: Vec<(&str, Event)>) {
    for region in REGIONS {
        let of_region = events.iter().filter(|(other, _)| *other == region).map(|(_, event)| event.clone());
        trail.add(ACCOUNT, region, of_region);
    }
}

/// Reads until there are `count` events in all, however long the service's rate makes that.
fn read_all(consumer: &mut Consumer, count: usize) {
    while consumer.ids.len() < count {
        consumer.read(count.min(consumer.ids.len() + 500));
    }
}

/// Lets one in `each` requests fail, in mixed ways.
fn failing(each: u32) -> impl Fn(&Lookup) -> Option<Fault> + Send + Sync + 'static {
    const FAULTS: [Fault; 8] = [
        Fault::TokenExpired,
        Fault::Throttled,
        Fault::Internal,
        Fault::Unavailable,
        Fault::Expired,
        Fault::Cut,
        Fault::CutInside,
        Fault::Garbage,
    ];
    let random = Mutex::new(Rng::with_seed(11));
    move |lookup| {
        let mut random = random.lock().unwrap();
        let fails = lookup.number > 0 && random.u32(0..each) == 0;
        // A request without a token has none that can expire.
        let faults = if lookup.has_token { &FAULTS[..] } else { &FAULTS[1..] };
        fails.then(|| faults[random.usize(..faults.len())])
    }
}

#[test]
fn every_event_comes_once_and_in_order_although_requests_fail() {
    let all = number("CT_LOOKUPS", 3000) / 3 * 3;
    let trail = Trail::start();
    let (late, in_time): (Vec<_>, Vec<_>) = all_events(all).partition(|(_, event)| is_late(event));
    assert!(late.len() > 10, "{}", late.len());
    let (read_before, count) = (in_time.len(), late.len());
    add(&trail, in_time);
    trail.on_lookup(failing(10));
    let mut consumer = source(&trail, &REGIONS.join(",")).start();
    read_all(&mut consumer, read_before);
    // Some at once, some after a few more looks, wherever these fall.
    let late = late.into_iter().map(|(region, event)| {
        let queries = trail.queries(ACCOUNT, region, Category::Management) as u64;
        let turn = event.number / 5 % 4 * 3;
        (region, event.appears((queries + turn) as u32))
    });
    add(&trail, late.collect());
    read_all(&mut consumer, read_before + count);
    let (read, _) = consumer.stop();
    for (index, region) in REGIONS.into_iter().enumerate() {
        let of_region: BTreeSet<String> = of_region(index, all).map(event_id).collect();
        let came: Vec<&String> = read[..read_before].iter().filter(|id| of_region.contains(*id)).collect();
        assert!(came.is_sorted(), "{region}");
        assert_eq!(trail.most_in_a_second(ACCOUNT, region), 2, "{region}");
    }
    assert_eq!(sorted(read), ids(0..all));
    assert_eq!(trail.throttled(), 0);
}

#[test]
fn fifty_pages_are_asked_for_no_faster_than_the_service_allows() {
    let trail = Trail::start();
    trail.fill(ACCOUNT, REGION, 0, 2500, now() - 50 * MINUTE, now() - MINUTE);
    let options = json!({"start": "1h", "follow": false, "insights": true});
    assert_eq!(to_end(&trail, "").with("lookup", options).read(), ids(0..2500));
    assert!(trail.requests(ACCOUNT, REGION) > 50, "{}", trail.requests(ACCOUNT, REGION));
    assert_eq!((trail.most_in_a_second(ACCOUNT, REGION), trail.throttled()), (2, 0));
}

/// Hosts that are killed at random instants: nothing is lost, and what comes again was delivered just before a kill.
#[test]
fn histories_are_read_by_hosts_that_are_killed() {
    /// About as many events as are delivered in a second in the long run, and at once: a slice of each region.
    const A_SECOND: u64 = 200;
    const AT_ONCE: usize = 3 * 700;
    let kills = number("CT_KILLS", 3).min(20);
    let all = number("CT_LOOKUPS", (kills + 1) * 600) / 3 * 3;
    let trail = Trail::start();
    let events = all_events(all).map(|(region, event)| {
        let appears = if is_late(&event) { (event.number / 5 % 4 * 3) as u32 } else { 0 };
        (region, event.appears(appears))
    });
    add(&trail, events.collect());
    trail.on_lookup(failing(10));
    let source = source(&trail, &REGIONS.join(","));
    let mut random = Rng::with_seed(12);
    let mut runs: Vec<Vec<String>> = Vec::new();
    for _ in 0..kills {
        let mut consumer = source.start();
        // After it has begun, and long before it comes to an end.
        consumer.read(1).read_for(Duration::from_millis(random.u64(0..all * 1000 / A_SECOND / kills)));
        runs.push(consumer.kill());
    }
    let before: HashSet<&String> = runs.iter().flatten().collect();
    let mut missing: HashSet<String> = ids(0..all).into_iter().filter(|id| !before.contains(id)).collect();
    assert!(!missing.is_empty(), "the kills came too late");
    let mut consumer = source.start();
    while !missing.is_empty() {
        let next = consumer.ids.len();
        consumer.read(next + 1);
        missing.remove(&consumer.ids[next]);
    }
    runs.push(consumer.stop().0);
    let mut again = 0;
    for (number, run) in runs.iter().enumerate() {
        let once: HashSet<&String> = run.iter().collect();
        assert_eq!(once.len(), run.len(), "within a run nothing comes twice");
        let later: HashSet<&String> = runs[number + 1..].iter().flatten().collect();
        let twice: Vec<usize> = (0..run.len()).filter(|index| later.contains(&run[*index])).collect();
        again += twice.len();
        let are_newest = twice.iter().all(|index| run.len() - index <= AT_ONCE);
        assert!(are_newest, "of {} events these came again: {twice:?}", run.len());
    }
    let delivered: HashSet<&String> = runs.iter().flatten().collect();
    assert_eq!(delivered.len() as u64, all);
    println!("{kills} kills, {all} events, {again} came again");
    assert!(REGIONS.into_iter().all(|region| trail.most_in_a_second(ACCOUNT, region) == 2));
}
