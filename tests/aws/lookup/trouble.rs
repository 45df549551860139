//! A service that refuses, fails and forgets: the others are read, nothing is lost, and nothing keeps a host from ending.

use super::*;
use crate::aws::consumer::sorted;
use crate::aws::trail::{Fault, Lookup};
use std::time::Duration;

/// A plan for one region.
fn in_region(
    region: &'static str,
    fault: impl Fn(&Lookup) -> Option<Fault> + Send + Sync + 'static,
) -> impl Fn(&Lookup) -> Option<Fault> + Send + Sync + 'static {
    move |lookup| if lookup.region == region { fault(lookup) } else { None }
}

#[test]
fn a_region_that_refuses_is_named_and_holds_up_no_other() {
    for (fault, says) in [
        (Fault::Denied, "access denied (AccessDeniedException: made by the test), allow cloudtrail:LookupEvents"),
        (Fault::NotEnabled, ", enable it or leave it out"),
        (Fault::Unrecognized, ", enable the region for the account or leave it out if they are valid elsewhere"),
    ] {
        let trail = Trail::start();
        trail.add(ACCOUNT, REGION, events(0..60, 5 * MINUTE));
        trail.on_lookup(in_region("ap-east-1", move |_| Some(fault)));
        let mut consumer = source(&trail, "us-east-1,ap-east-1").start();
        consumer.read(60);
        let (read, log) = consumer.stop();
        assert_eq!(read, ids(0..60));
        let lines: Vec<_> = log.iter().filter(|line| line.contains("trying again every 5 minutes")).collect();
        let [line] = lines.as_slice() else { panic!("{log:#?}") };
        assert!(line.contains("ap-east-1") && line.contains(says), "{line}");
        // The one at the start, and the first of the reading.
        assert_eq!(trail.requests(ACCOUNT, "ap-east-1"), 2);
        // One that is to end does not wait for it.
        let (read, log) = to_end(&trail, "us-east-1,ap-east-1").read_with_logs();
        assert_eq!(read, ids(0..60));
        assert!(log.iter().any(|line| line.contains("its events are not read to their end")), "{log:#?}");
    }
}

#[test]
fn what_may_be_read_nowhere_is_an_error_at_the_start() {
    let trail = Trail::start();
    trail.on_lookup(|_| Some(Fault::Denied));
    let error = source(&trail, "us-east-1,eu-west-1").refusal();
    assert!(error.contains("open_params lookup://us-east-1,eu-west-1: cloudtrail:LookupEvents on "), "{error}");
    assert!(error.contains("allow cloudtrail:LookupEvents for these credentials"), "{error}");
    trail.on_lookup(|_| Some(Fault::Expired));
    assert!(source(&trail, "").refusal().contains("no valid credentials (ExpiredTokenException)"));
    let error = source(&trail, "").without_region().refusal();
    assert!(error.contains("no AWS region: set aws.region, AWS_REGION or a profile's region"), "{error}");
    let error = source(&trail, "").without_credentials().refusal();
    assert!(error.contains("no valid credentials (none found in environment"), "{error}");
}

#[test]
fn what_fails_for_a_while_is_asked_for_again() {
    for fault in [Fault::Throttled, Fault::Internal, Fault::Unavailable, Fault::Expired, Fault::Cut, Fault::Garbage] {
        let trail = Trail::start();
        trail.add(ACCOUNT, REGION, events(0..120, 5 * MINUTE));
        trail.on_lookup(move |lookup| [1, 3].contains(&lookup.number).then_some(fault));
        let (read, log) = to_end(&trail, "").read_with_logs();
        assert_eq!(read, ids(0..120), "{fault:?}");
        let lines = log.iter().filter(|line| line.contains("; trying again")).count();
        assert_eq!(lines, 2, "{fault:?}: {log:#?}");
    }
}

#[test]
fn credentials_that_come_back_are_told() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..10, 5 * MINUTE));
    trail.on_lookup(|lookup| (1..3).contains(&lookup.number).then_some(Fault::Expired));
    let (read, log) = to_end(&trail, "").read_with_logs();
    assert_eq!(read, ids(0..10));
    let lines = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!((lines("no valid credentials"), lines("us-east-1 of account 111122223333 can be read now")), (1, 1));
}

#[test]
fn trouble_at_the_start_is_waited_for() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..10, 5 * MINUTE));
    trail.on_lookup(|lookup| (lookup.number < 2).then_some(Fault::Internal));
    assert_eq!(to_end(&trail, "").read(), ids(0..10));
}

/// Another reader of the same account takes its part of what the service allows.
#[test]
fn requests_that_are_refused_as_too_many_cost_no_event() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..400, 10 * MINUTE));
    trail.on_lookup(|lookup| (lookup.number % 3 == 1).then_some(Fault::Throttled));
    let (read, log) = to_end(&trail, "").read_with_logs();
    assert_eq!(read, ids(0..400));
    assert!(log.iter().any(|line| line.contains("throttled (ThrottlingException: Rate exceeded)")), "{log:#?}");
    assert_eq!(trail.most_in_a_second(ACCOUNT, REGION), 2);
}

#[test]
fn a_host_ends_in_time_whatever_it_waits_for() {
    for fault in [Fault::Slow(Duration::from_secs(20)), Fault::Throttled, Fault::Denied] {
        let trail = Trail::start();
        trail.add(ACCOUNT, REGION, events(0..1, 5 * MINUTE));
        trail.on_lookup(in_region("eu-west-1", move |lookup| (lookup.number > 0).then_some(fault)));
        let mut consumer = source(&trail, "us-east-1,eu-west-1").start();
        consumer.read(1);
        wait_for_queries(&trail, "eu-west-1", 2);
        assert_eq!(sorted(consumer.stop().0), ids(0..1), "{fault:?}");
    }
}
