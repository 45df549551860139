//! Hosts that are killed at random instants: nothing is lost, and only objects in flight come again.
//!
//! `CT_KILLS=50` kills as often; without it a few times are enough to see that it works.

use super::consumer::{PATIENCE, Source, sorted};
use super::logs::{Log, Shape, bucket, ids, spread};
use super::server::Queue;
use fastrand::Rng;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

/// About as many objects for each kill as a host reads until it is killed.
const OBJECTS_PER_KILL: usize = 60;
const EVENTS: u64 = 10;
const AT_A_TIME: usize = 4;
/// Messages, or objects, that a host has in work at the most.
const IN_FLIGHT: usize = 40;

fn kills() -> usize {
    std::env::var("CT_KILLS").map_or(4, |kills| kills.parse().unwrap())
}

fn logs() -> Vec<Log> {
    spread("AWSLogs", 0, (OBJECTS_PER_KILL * (kills() + 1)) as u64, EVENTS)
}

/// A while in which a host may start, read, and be killed in any state.
fn random_while(random: &mut Rng) -> Duration {
    Duration::from_millis(random.u64(50..900))
}

/// Checks the deliveries of all hosts together.
#[track_caller]
fn assert_delivered(deliveries: &[String], logs: &[Log], kills: usize) {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for id in deliveries {
        *times.entry(id).or_default() += 1;
    }
    let expected: Vec<String> = logs.iter().flat_map(Log::ids).collect();
    let lost: Vec<&String> = expected.iter().filter(|id| !times.contains_key(id.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} events are lost: {lost:?}", lost.len(), expected.len());
    assert_eq!(times.len(), expected.len(), "nothing else is delivered");
    let again = logs.iter().filter(|log| log.ids().any(|id| times[id.as_str()] > 1)).count();
    println!("{kills} kills, {} events, of {again} objects some came again", deliveries.len());
    assert!(again <= kills * IN_FLIGHT, "{again} objects came again");
}

#[test]
fn a_bucket_is_read_to_its_end_by_hosts_that_are_killed() {
    let logs = logs();
    let name = bucket("kills", &logs);
    let source = Source::s3(&name).with("s3DownloadConcurrency", AT_A_TIME);
    let mut random = Rng::with_seed(4);
    let mut deliveries = Vec::new();
    for _ in 0..kills() {
        let mut consumer = source.start();
        consumer.read_for(random_while(&mut random));
        deliveries.extend(consumer.kill());
        if deliveries.iter().collect::<HashSet<_>>().len() == ids(&logs).len() {
            // It may have come to its end before it was killed, and the next one begins anew then.
            return assert_delivered(&deliveries, &logs, kills());
        }
    }
    deliveries.extend(source.read());
    assert_delivered(&deliveries, &logs, kills());
}

/// Lets `count` hosts work on one queue, of which one after the other is killed and started again.
fn share_a_queue(count: usize, seed: u64) {
    let logs = logs();
    let name = bucket("kills", &logs);
    let (queue, dead) = Queue::with_dead_letters("kills", 2, 1000);
    let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
    queue.send(&Shape::SnsS3.messages(&name, &keys, 1));
    let sources: Vec<Source> =
        (0..count).map(|_| Source::sqs(&queue).with("s3DownloadConcurrency", AT_A_TIME)).collect();
    let mut consumers: Vec<_> = sources.iter().map(Source::start).collect();
    let mut random = Rng::with_seed(seed);
    let mut deliveries = Vec::new();
    for kill in 0..kills() {
        let time = random_while(&mut random) / count as u32;
        consumers.iter_mut().for_each(|consumer| {
            consumer.read_for(time);
        });
        let victim = kill % count;
        let killed = std::mem::replace(&mut consumers[victim], sources[victim].start());
        deliveries.extend(killed.kill());
    }
    let (mut left, mut since) = (queue.len(), Instant::now());
    while left > 0 {
        assert!(since.elapsed() < PATIENCE, "messages stay: {:?}", queue.counts());
        let now = queue.len();
        if now < left {
            (left, since) = (now, Instant::now());
        }
        consumers.iter_mut().for_each(|consumer| {
            consumer.read_for(Duration::from_millis(20));
        });
    }
    for consumer in consumers {
        deliveries.extend(consumer.stop().0);
    }
    assert_delivered(&deliveries, &logs, kills());
    assert_eq!(dead.len(), 0);
}

#[test]
fn a_queue_is_read_to_its_end_by_a_host_that_is_killed() {
    share_a_queue(1, 5);
}

#[test]
fn three_hosts_share_a_queue_although_they_are_killed() {
    share_a_queue(3, 6);
}

/// What an earlier scan delivered is nothing to one that begins anew, also when that is killed and goes on.
#[test]
fn a_scan_that_begins_anew_reads_all_again() {
    let logs = spread("AWSLogs", 0, 60, 5);
    let source = Source::s3(&bucket("anew", &logs));
    assert_eq!(sorted(source.read()), ids(&logs));
    let mut consumer = source.start();
    consumer.read(40);
    let mut read = consumer.kill();
    read.extend(source.read());
    read.sort();
    read.dedup();
    assert_eq!(read, ids(&logs));
}
