//! Which accounts and regions are read.

use super::*;
use crate::aws::consumer::sorted;
use crate::aws::trail::Fault;

const OTHER: &str = "444455556666";

/// Puts one event each, with numbers from 1 on, in these places.
fn one_each(trail: &Trail, places: &[(&str, &str)]) {
    for ((account, region), number) in places.iter().zip(1..) {
        trail.add(account, region, [Event::new(number, now() - MINUTE)]);
    }
}

#[track_caller]
fn has_line(log: &[String], line: &str) {
    assert_eq!(log.iter().filter(|other| other.contains(line)).count(), 1, "{line} in {log:#?}");
}

#[test]
fn the_regions_that_are_named_are_read_in_place_of_the_configured_one() {
    let trail = Trail::start();
    one_each(&trail, &[(ACCOUNT, "eu-west-1"), (ACCOUNT, "us-east-2"), (ACCOUNT, REGION)]);
    let (read, log) = to_end(&trail, "eu-west-1,us-east-2").read_with_logs();
    assert_eq!(sorted(read), ids(1..3));
    has_line(&log, "global services are in us-east-1 only, which is not read");
    let (_, log) = to_end(&trail, "us-east-2,us-east-9").read_with_logs();
    has_line(&log, "us-east-9 is no region that this version knows");
    assert_eq!(to_end(&trail, "us-east-2").without_region().read(), [event_id(2)], "it needs no other one");
    let (read, log) = to_end(&trail, "").read_with_logs();
    assert_eq!(read, [event_id(3)]);
    assert!(!log.iter().any(|line| line.contains("global services")), "{log:#?}");
    has_line(&log, &format!("reading events of {REGION} of account {ACCOUNT} from "));
}

#[test]
fn all_regions_are_those_that_the_account_has_enabled() {
    let trail = Trail::start();
    one_each(&trail, &[(ACCOUNT, "eu-south-1"), (ACCOUNT, REGION), (ACCOUNT, "ap-east-1"), (ACCOUNT, "us-west-2")]);
    assert_eq!(sorted(to_end(&trail, "all").read()), ids(1..3));
    trail.add(ACCOUNT, REGION, [Event::new(5, now() - MINUTE)]);
    assert_eq!(to_end(&trail, "all").without_region().read().len(), 3, "it needs no region");
}

#[test]
fn when_the_regions_cannot_be_found_those_of_every_account_are_read() {
    let trail = Trail::start();
    one_each(&trail, &[(ACCOUNT, "us-west-2"), (ACCOUNT, REGION), (ACCOUNT, "eu-south-1")]);
    trail.on_call(|call| (call.action == "ListRegions").then_some(Fault::Denied));
    let (read, log) = to_end(&trail, "all").read_with_logs();
    assert_eq!(sorted(read), ids(1..3));
    has_line(&log, "allow account:ListRegions for these credentials");
    has_line(&log, "reading those that every account has, ap-northeast-1, ");
}

/// Whether a region is enabled cannot be known then, so it is tried rather than left out.
#[test]
fn when_there_is_no_answer_about_regions_all_are_tried() {
    let trail = Trail::start();
    one_each(&trail, &[(ACCOUNT, "eu-south-1"), (ACCOUNT, REGION)]);
    trail.on_call(|call| (call.action == "ListRegions").then_some(Fault::Unavailable));
    trail.on_lookup(|lookup| (lookup.region == "af-south-1").then_some(Fault::Unrecognized));
    let (read, log) = to_end(&trail, "all").read_with_logs();
    assert_eq!(sorted(read), ids(1..3));
    has_line(&log, "trying all that this version knows");
}

/// Credentials that are for no region in particular do not depend on the first one that is named.
#[test]
fn a_region_that_is_not_enabled_may_be_named_first() {
    let trail = Trail::start();
    one_each(&trail, &[(OTHER, REGION)]);
    trail.on_lookup(|lookup| (lookup.region == "ap-east-1").then_some(Fault::Unrecognized));
    trail.on_call(|call| (call.region == "ap-east-1").then_some(Fault::Unrecognized));
    let role = format!("arn:aws:iam::{OTHER}:role/Reader");
    let options = json!({"start": "3h", "follow": false, "assumeRoles": [role]});
    let source = to_end(&trail, "ap-east-1,us-east-1").with("lookup", options);
    assert_eq!(source.without_region().read(), [event_id(1)]);
}

#[test]
fn several_accounts_are_read_through_roles() {
    let trail = Trail::start();
    one_each(&trail, &[(OTHER, REGION), ("777788889999", REGION), (ACCOUNT, REGION)]);
    let roles = [OTHER, "777788889999"].map(|account| format!("arn:aws:iam::{account}:role/Reader"));
    let options = json!({"start": "3h", "follow": false, "assumeRoles": roles});
    let read = to_end(&trail, "").with("lookup", options).with_aws("externalId", "s3cret").read();
    assert_eq!(sorted(read), ids(1..3));
    let assumed: Vec<_> = trail.calls().into_iter().filter(|call| call.action == "AssumeRole").collect();
    assert!(assumed.iter().all(|call| call.parameter("ExternalId").as_deref() == Some("s3cret")), "{assumed:?}");
    assert!(assumed.len() >= 2);
}

#[test]
fn an_account_whose_role_may_not_be_assumed_holds_up_no_other() {
    let trail = Trail::start();
    one_each(&trail, &[(OTHER, REGION)]);
    trail.on_call(|call| call.body.contains("777788889999").then_some(Fault::Denied));
    let roles = [OTHER, "777788889999"].map(|account| format!("arn:aws:iam::{account}:role/Reader"));
    let options = json!({"start": "3h", "pollInterval": "1s", "assumeRoles": roles});
    let mut consumer = source(&trail, "").with("lookup", options).start();
    consumer.read(1);
    let (read, log) = consumer.stop();
    assert_eq!(read, [event_id(1)]);
    let line = "of account 777788889999: no valid credentials";
    let told: Vec<_> = log.iter().filter(|other| other.contains(line)).collect();
    let [told] = told.as_slice() else { panic!("{log:#?}") };
    assert!(told.contains("allow sts:AssumeRole"), "{told}");
}

/// Where STS cannot be asked, the last event of the history says whose it is.
#[test]
fn each_account_has_a_place_of_its_own_however_it_is_found() {
    let trail = Trail::start();
    let of_event = "123456789012";
    trail.add(ACCOUNT, REGION, events(0..3, 5 * MINUTE));
    let source = to_end(&trail, "");
    let run = |sts: Option<Fault>, account: &str| {
        trail.on_call(move |_| sts);
        let (read, log) = source.read_with_logs();
        has_line(&log, &format!("of account {account} from "));
        read
    };
    assert_eq!(run(Some(Fault::Denied), of_event), ids(0..3));
    assert_eq!(run(None, ACCOUNT), ids(0..3), "it is another account");
    trail.add(ACCOUNT, REGION, [Event::new(3, now() - MINUTE)]);
    assert_eq!(run(Some(Fault::Denied), of_event), ids(3..4), "it goes on");
    assert_eq!(run(None, ACCOUNT), ids(3..4));
    // Nothing says whose it is at the start: it is taken for the last one.
    trail.add(ACCOUNT, REGION, [Event::new(4, now() - MINUTE)]);
    trail.on_call(|_| Some(Fault::Denied));
    let requests = trail.requests(ACCOUNT, REGION);
    trail.on_lookup(move |lookup| (lookup.number < requests + 2).then_some(Fault::Internal));
    assert_eq!(source.read(), ids(4..5));
}
