//! What is read, and in which order.

use super::*;
use crate::abi::host::Library;
use crate::abi::source::Answer;
use crate::aws::consumer::sorted;
use crate::aws::trail::Text;
use std::fs;
use std::path::Path;
use std::time::Duration;

#[test]
fn a_history_is_read_from_its_start_to_its_end_oldest_first() {
    let trail = Trail::start();
    trail.fill(ACCOUNT, REGION, 0, 180, now() - 170 * MINUTE, now() - MINUTE);
    trail.add(ACCOUNT, REGION, [Event::new(1000, now() - 181 * MINUTE)]);
    // What comes later within a second is later.
    let time = now() - 5;
    trail.add(ACCOUNT, REGION, (180..190).map(|number| Event::new(number, time)));
    assert_eq!(to_end(&trail, "").read(), ids(0..190));
    assert_eq!(trail.most_in_a_second(ACCOUNT, REGION), 2);
    assert_eq!(trail.throttled(), 0);
}

#[test]
fn without_a_start_only_what_is_new_is_read() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..50, 10 * MINUTE));
    let mut consumer = source(&trail, "").with("lookup", json!({"pollInterval": "1s"})).start();
    wait_for_queries(&trail, REGION, 3);
    trail.add(ACCOUNT, REGION, [Event::new(50, now())]);
    consumer.read(1);
    trail.add(ACCOUNT, REGION, [Event::new(51, now()), Event::new(52, now())]);
    consumer.read(3);
    assert_eq!(sorted(consumer.stop().0), ids(50..53));
}

/// Events appear up to a quarter of an hour late, between others that were delivered.
#[test]
fn late_events_are_delivered_once_and_the_others_in_order() {
    let trail = Trail::start();
    let late = |event: Event| {
        let turn = (event.number % 5) as u32;
        // The one at the start and those for the backlog come first.
        event.appears(if turn == 0 { 0 } else { 5 + 2 * turn })
    };
    trail.add(ACCOUNT, REGION, events(0..600, 15 * MINUTE).map(late));
    let mut consumer = source(&trail, "").start();
    consumer.read(600);
    // Nothing comes again when all is asked for once more, as every eighth look does.
    let queries = trail.queries(ACCOUNT, REGION, Category::Management);
    wait_for_queries(&trail, REGION, queries + 9);
    let (read, _) = consumer.stop();
    assert_eq!(sorted(read.clone()), ids(0..600));
    let at_once: Vec<String> = (0..600).step_by(5).map(event_id).collect();
    assert_eq!(read[..120], at_once);
}

#[test]
fn a_start_with_an_end_ends_there() {
    let trail = Trail::start();
    trail.fill(ACCOUNT, REGION, 0, 180, now() - 179 * MINUTE, now());
    let source = source(&trail, "").with("lookup", json!({"start": "2h-1h"}));
    let read = source.read();
    assert!((59..=61).contains(&read.len()), "{}", read.len());
    assert!(read.contains(&event_id(90)));
    let queries = trail.queries(ACCOUNT, REGION, Category::Management);
    // The engine takes no source that ends without an event for one that worked.
    assert!(source.run().stdout.is_empty(), "it was read");
    assert_eq!(trail.queries(ACCOUNT, REGION, Category::Management), queries + 2, "nothing is asked for again");
}

#[test]
fn a_history_is_left_alone_until_it_is_time_to_look_again() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..1, MINUTE));
    let mut consumer = source(&trail, "").with("lookup", json!({"start": "10m", "pollInterval": "1h"})).start();
    consumer.read(1).read_for(Duration::from_secs(3));
    assert_eq!(trail.requests(ACCOUNT, REGION), 2, "one at the start, and one to read");
    consumer.stop();
}

/// From where the next start reads shows how late events may come.
#[test]
fn events_are_waited_for_as_long_as_they_may_be_late() {
    let trail = Trail::start();
    let options = json!({"start": "8h", "follow": false, "insights": true, "overlap": "30m"});
    let source = source(&trail, "").with("lookup", options);
    // How many minutes ago the first second was that was asked for.
    let first_asked = |number: u64, category: Category| {
        trail.add(ACCOUNT, REGION, [Event::new(number, now())]);
        let before = trail.lookups().len();
        source.read();
        let lookups = trail.lookups();
        let of_category = lookups[before..].iter().filter(|lookup| lookup.category == category);
        of_category.map(|lookup| (now() - lookup.start) / MINUTE).max().unwrap()
    };
    assert_eq!(first_asked(1, Category::Management), 8 * 60);
    assert_eq!(first_asked(2, Category::Management), 30);
    assert_eq!(first_asked(3, Category::Insight), 6 * 60);
}

#[test]
fn only_events_with_the_attribute_are_read() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..50, 10 * MINUTE));
    trail.add(ACCOUNT, REGION, [Event::insight(100, now() - 30 * MINUTE)]);
    let options = json!({"start": "3h", "follow": false, "attributes": ["ReadOnly=false"], "insights": true});
    let read = to_end(&trail, "").with("lookup", options).read();
    // Insights events have no such attribute.
    let expected: Vec<String> = (0..50).filter(|number| number % 5 == 2).chain([100]).map(event_id).collect();
    assert_eq!(sorted(read), expected);
    assert_eq!(trail.most_in_a_second(ACCOUNT, REGION), 2, "both categories together");
}

#[test]
fn insights_are_read_when_they_are_asked_for() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, [Event::new(1, now() - 5 * MINUTE), Event::insight(2, now() - 5 * MINUTE)]);
    assert_eq!(to_end(&trail, "").read(), [event_id(1)]);
    let mut consumer =
        source(&trail, "").with("lookup", json!({"start": "3h", "pollInterval": "1s", "insights": true})).start();
    consumer.read(2);
    // Hours after something unusual began.
    trail.add(ACCOUNT, REGION, [Event::insight(3, now() - 100 * MINUTE)]);
    consumer.read(3);
    assert_eq!(sorted(consumer.stop().0), ids(1..4));
}

#[test]
fn an_event_that_cannot_be_read_is_named_once_and_costs_no_other() {
    let trail = Trail::start();
    let mut all: Vec<Event> = events(0..6, 5 * MINUTE).collect();
    for (number, text) in [
        (1, Text::Null),
        (2, Text::Absent),
        (3, Text::Given("{\"eventName\":\"A\"".to_owned())),
        (4, Text::Given("no JSON".to_owned())),
    ] {
        all[number] = all[number].clone().with_text(text);
    }
    trail.add(ACCOUNT, REGION, all);
    let mut consumer = source(&trail, "").start();
    consumer.read(2);
    wait_for_queries(&trail, REGION, 4);
    let (read, log) = consumer.stop();
    assert_eq!(read, [event_id(0), event_id(5)]);
    let no_event = "an object that is not a CloudTrail event";
    let event = |number| format!("event {} in {REGION} of account {ACCOUNT}", event_id(number));
    for line in [
        format!("skipped {}: {no_event}: it comes without a CloudTrailEvent", event(1)),
        format!("skipped 1 more (2 in all): {no_event}, the last one in {}", event(2)),
        format!("skipped {}: the text ends inside a record", event(3)),
        format!("skipped {}: text that is not JSON", event(4)),
    ] {
        let lines: Vec<_> = log.iter().filter(|other| other.contains(&line)).collect();
        assert_eq!(lines.len(), 1, "{line} in {log:#?}");
    }
}

/// A configuration for a plugin in this process.
pub fn in_process(trail: &Trail, folder: &Path) -> String {
    let credentials = folder.join("credentials");
    let key = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n";
    fs::write(&credentials, key).unwrap();
    json!({
        "aws": {"endpointUrl": trail.url(), "region": REGION, "credentials": credentials},
        "lookup": {"start": "1h", "follow": false},
        "stateDir": folder.join("state"),
    })
    .to_string()
}

#[test]
fn an_event_is_given_byte_for_byte() {
    let texts = [
        r#"{"eventName":"A","eventID":"a","userAgent":"\u00e9 \u0000 \ud83d\ude00 \ud800 \/ \\ \"","x":1.50e+2}"#,
        "{\r\n\t\"eventName\" : \"B\",\n  \"eventID\": \"é 日本 😀 \u{7f}\u{2028}\" }",
        r#"{"eventName":"C","requestParameters":{"policy":"{\"Statement\":[{\"Effect\":\"Allow\"}]}"}}"#,
    ];
    let trail = Trail::start();
    let event = |(number, text): (usize, &&str)| {
        Event::new(number as u64, now() - 10 + number as i64).with_text(Text::Given((*text).to_owned()))
    };
    trail.add(ACCOUNT, REGION, texts.iter().enumerate().map(event));
    let folder = tempfile::tempdir().unwrap();
    let plugin = Library::load().init(&in_process(&trail, folder.path())).unwrap();
    let mut source = plugin.try_open(b"lookup://").unwrap();
    let mut given = Vec::new();
    loop {
        match source.next() {
            Answer::Events(events) => {
                given.extend(events.iter().map(|event| String::from_utf8(event.payload().to_vec()).unwrap()));
            }
            Answer::Timeout => {}
            Answer::End => break,
        }
    }
    assert_eq!(given, texts);
}

/// A token that does not last as long as its answer has pages.
#[test]
fn a_slice_whose_tokens_expire_is_asked_for_in_parts() {
    let trail = Trail::start();
    trail.add(ACCOUNT, REGION, events(0..300, 20 * MINUTE));
    trail.refuse_tokens(3);
    let (read, log) = to_end(&trail, "").read_with_logs();
    assert_eq!(read, ids(0..300));
    assert!(log.iter().any(|line| line.contains("asking for less at a time")), "{log:#?}");
}

/// A second that has more events than are held in memory, and a token that is refused in the middle of it.
#[test]
fn a_second_with_very_many_events_is_read() {
    let trail = Trail::start();
    let time = now() - 30 * MINUTE;
    let wide = |number: u64| {
        let text = crate::oracle::generate::event_at(number, time);
        let text = text.replacen('{', &format!("{{\"apiVersion\":\"{}\",", "x".repeat(200_000)), 1);
        Event::new(number, time).with_text(Text::Given(text))
    };
    trail.add(ACCOUNT, REGION, (0..120).map(wide));
    trail.add(ACCOUNT, REGION, [Event::new(120, time + 1), Event::new(121, time - 1)]);
    trail.refuse_tokens(5);
    let read = to_end(&trail, "").read();
    assert_eq!(sorted(read.clone()), ids(0..122));
    assert_eq!((read.first(), read.last()), (Some(&event_id(121)), Some(&event_id(120))));
}
