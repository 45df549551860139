//! Values on their way to rules: what is kept from call to call, and requests and events of every odd kind.

use super::event::Event;
use super::host::{Plugin, SUCCESS};
use super::request::Request;
use crate::oracle::{self, Expect, Reading, fixtures};
use std::ffi::c_char;
use std::fs;

fn text(text: &str) -> Expect {
    Expect::Text(text.into())
}

fn named(name: &str) -> Event {
    Event::new(1, 2, format!(r#"{{"eventName":"{name}"}}"#).as_bytes())
}

fn fixture(name: &str) -> Event {
    Event::new(1, 2, fs::read(fixtures::root().join(format!("events/{name}.json"))).unwrap().trim_ascii())
}

/// Requests for all fields, and their texts.
fn all_requests(plugin: &Plugin) -> (Vec<Request>, Vec<&'static str>) {
    let fields = oracle::fields().into_iter().map(|case| case.text).filter(|text| *text != "evt.plugininfo");
    let fields: Vec<_> = fields.collect();
    (fields.iter().map(|field| plugin.request(field)).collect(), fields)
}

/// With this every value of every fixture has crossed the border as text: no NUL within, UTF-8 throughout.
#[test]
fn all_fields_in_one_call_are_those_of_a_call_each() {
    let plugin = Plugin::new();
    let (mut requests, fields) = all_requests(&plugin);
    for (fixture, number) in fixtures::events().iter().zip(1..) {
        let event = Event::new(number, 2, &fixture.payload);
        assert_eq!(plugin.extract(number, &event, &mut requests), SUCCESS);
        let expected = Reading::of(&fixture.payload);
        for (request, field) in requests.iter().zip(&fields) {
            assert_eq!(request.value(), expected.expect(field), "{}: {field}", fixture.name);
        }
        // Another number, so that nothing of the call before can be used.
        let number = number + 1_000_000;
        for field in &fields {
            assert_eq!(plugin.value(number, &event, field), expected.expect(field), "{}: {field}", fixture.name);
        }
    }
}

#[test]
fn places_are_those_of_the_values_in_the_event() {
    let plugin = Plugin::new();
    let payload = r#"{"eventName":"Get\u0041", "userIdentity" : {"type":"Root","arn":"arn:x"},"readOnly":false,
        "requestParameters":{"n": 1.50,"policy":"{\"Id\":7}"},"resources":[{"ARN":"arn:y"}],"errorCode":null}"#;
    let event = Event::new(1, 2, payload.as_bytes());
    let written = [
        ("ct.name", Some(r"Get\u0041")),
        ("ct.user.arn", Some("arn:x")),
        ("ct.value[/userIdentity/type]", Some("Root")),
        ("ct.request[/n]", Some("1.50")),
        ("ct.request", Some(r#"{"n": 1.50,"policy":"{\"Id\":7}"}"#)),
        ("ct.request[/policy/Id]", None),
        ("ct.readonly", None),
        ("ct.info", None),
        ("ct.error", None),
        ("s3.cnt.get", None),
    ];
    let mut all: Vec<_> = written.iter().map(|(field, _)| plugin.request(field)).collect();
    let together = plugin.places(1, &event, &mut all).unwrap();
    for ((field, text), place) in written.iter().zip(together) {
        let alone = plugin.places(1, &event, &mut [plugin.request(field)]);
        assert_eq!(alone, Some(vec![place]), "{field}");
        let (start, length) = (place.0 as usize, place.1 as usize);
        match text {
            Some(text) => assert_eq!(event.0.get(start..start + length), Some(text.as_bytes()), "{field}"),
            None => assert_eq!(place, (0, 0), "{field}"),
        }
    }
    // libsinsp reads a place for each value of a list.
    assert_eq!(plugin.places(1, &event, &mut [plugin.request("ct.resources.arn")]), None);
}

#[test]
fn values_stay_where_they_are_until_the_next_event() {
    let plugin = Plugin::new();
    let event = fixture("ec2-runinstances");
    let (mut requests, fields) = all_requests(&plugin);
    for request in &mut requests {
        assert_eq!(plugin.extract(1, &event, std::slice::from_mut(request)), SUCCESS);
    }
    assert!(!plugin.line(1, &event).is_empty());
    let expected = Reading::of(event.payload());
    for (request, field) in requests.iter().zip(&fields) {
        assert_eq!(request.value(), expected.expect(field), "{field}");
    }
}

#[test]
fn a_value_is_made_once_an_event() {
    let plugin = Plugin::new();
    let event = fixture("ec2-runinstances");
    for field in ["ct.name", "ct.info", "ct.request[/instanceType]", "ec2.imageids[0]"] {
        let place = |request: &mut Request| {
            assert_eq!(plugin.extract(1, &event, std::slice::from_mut(request)), SUCCESS);
            // SAFETY: every answer is a pointer.
            unsafe { request.raw.res.str_.addr() }
        };
        assert_eq!(place(&mut plugin.request(field)), place(&mut plugin.request(field)), "{field}");
    }
}

/// Puts another event into the place of one, which must be at least as long.
fn replace(event: &mut Event, by: &Event) {
    let place = event.0.as_ptr();
    event.0.clear();
    event.0.extend(&by.0);
    assert_eq!(event.0.as_ptr(), place);
}

#[test]
fn any_difference_makes_another_event() {
    let plugin = Plugin::new();
    let mut event = named("First");
    assert_eq!(plugin.value(1, &event, "ct.name"), text("First"));
    replace(&mut event, &named("Other"));
    assert_eq!(plugin.value(2, &event, "ct.name"), text("Other"), "number");
    replace(&mut event, &Event::new(9, 2, named("Later").payload()));
    assert_eq!(plugin.value(2, &event, "ct.name"), text("Later"), "time");
    replace(&mut event, &Event::new(9, 2, named("Less").payload()));
    assert_eq!(plugin.value(2, &event, "ct.name"), text("Less"), "length");
    let elsewhere = Event::new(9, 2, named("Move").payload());
    assert_eq!(plugin.value(2, &elsewhere, "ct.name"), text("Move"), "address");
    assert!(plugin.line(2, &event).contains("Less"));
}

/// Numbers start over and memory is used again, so all that tells events apart may be the same.
#[test]
fn open_and_close_begin_another_event() {
    let plugin = Plugin::new();
    let mut event = named("First");
    assert_eq!(plugin.value(1, &event, "ct.name"), text("First"));
    let source = plugin.open(&fixtures::root().join("files/one-event.json"));
    replace(&mut event, &named("Other"));
    assert_eq!(plugin.value(1, &event, "ct.name"), text("Other"));
    drop(source);
    replace(&mut event, &named("Third"));
    assert_eq!(plugin.value(1, &event, "ct.name"), text("Third"));
}

#[test]
fn the_event_alone_decides() {
    let plugin = Plugin::new();
    let event = Event::new(1, 999, named("Replayed").payload());
    assert_eq!(plugin.value(1, &event, "ct.name"), text("Replayed"), "no source was opened, another plugin's ID");
}

#[test]
fn a_payload_that_is_no_json_object_has_no_values() {
    let plugin = Plugin::new();
    let (mut requests, fields) = all_requests(&plugin);
    let payloads: [&[u8]; 8] =
        [b"", b"\0", b"plain text", b"{\"eventName\":", b"[{\"eventName\":\"A\"}]", b"42", b"null", b"\xff\xfe{}"];
    for (payload, number) in payloads.iter().zip(1..) {
        let event = Event::new(1, 2, payload);
        assert_eq!(plugin.extract(number, &event, &mut requests), SUCCESS);
        for (request, field) in requests.iter().zip(&fields) {
            assert_eq!(request.value(), Expect::Absent, "{field} of {payload:?}");
        }
        assert_eq!(plugin.line(number, &event), "");
    }
    assert!(plugin.lines().is_empty(), "a line for a payload is a line for every event: {:?}", plugin.lines());
}

#[test]
fn the_line_of_an_event_is_what_its_fields_say() {
    let plugin = Plugin::new();
    for (fixture, number) in fixtures::events().iter().zip(1..) {
        let event = Event::new(1, 2, &fixture.payload);
        let line = Reading::of(&fixture.payload).expect("evt.plugininfo");
        assert_eq!(plugin.value(number, &event, "evt.plugininfo"), line, "{}", fixture.name);
    }
}

#[test]
fn text_of_any_kind_reaches_the_rules_whole() {
    let plugin = Plugin::new();
    let event = Event::new(
        1,
        2,
        b"{\"eventName\":\"a\\u0000b\\ud800c\xffd\",\"requestParameters\":{\"k\\u0000\":\"v\\u0000\"}}",
    );
    assert_eq!(plugin.value(1, &event, "ct.name"), text("a\u{fffd}b\u{fffd}c\u{fffd}d"));
    assert!(plugin.line(1, &event).ends_with("a\u{fffd}b\u{fffd}c\u{fffd}d"), "{}", plugin.line(1, &event));
    let Expect::Text(request) = plugin.value(1, &event, "ct.request") else { panic!("no request") };
    assert!(request.starts_with("{\"k") && request.ends_with('}'), "{request}");
}

/// One request for `field` after `change`.
fn changed(field: &str, change: fn(&mut Request)) -> Expect {
    let plugin = Plugin::new();
    let mut request = plugin.request(field);
    change(&mut request);
    assert_eq!(plugin.extract(1, &fixture("ec2-runinstances"), std::slice::from_mut(&mut request)), SUCCESS);
    request.value()
}

#[test]
fn a_field_that_does_not_exist_has_no_value() {
    assert_eq!(changed("ct.name", |request| request.raw.field_id = 10_000), Expect::Absent);
    assert_eq!(changed("ct.name", |request| request.raw.field_id = u32::MAX), Expect::Absent);
}

#[test]
fn an_argument_of_the_wrong_kind_gives_no_value() {
    const KEY: *const c_char = c"/eventName".as_ptr();
    let with_key = |request: &mut Request| (request.raw.arg_key, request.raw.arg_present) = (KEY, 1);
    let with_index = |request: &mut Request| (request.raw.arg_index, request.raw.arg_present) = (0, 1);
    assert_eq!(changed("ct.name", with_key), Expect::Absent);
    assert_eq!(changed("ct.name", with_index), Expect::Absent);
    assert_eq!(changed("ec2.imageids", with_key), Expect::Absent);
    assert_eq!(changed("ct.request", with_index), Expect::Absent);
    assert_eq!(changed("ct.value[/eventName]", |request| request.raw.arg_present = 0), Expect::Absent);
    assert_eq!(changed("ct.value[/eventName]", |request| request.raw.arg_key = c"eventName".as_ptr()), Expect::Absent);
    assert_eq!(changed("ct.value[/eventName]", |request| request.raw.arg_key = c"/\xff".as_ptr()), Expect::Absent);
    assert_eq!(changed("ct.value[/eventName]", |_| {}), text("RunInstances"));
}

#[test]
fn an_index_behind_the_end_gives_no_value() {
    for index in ["3", "4294967296", "18446744073709551615"] {
        let plugin = Plugin::new();
        let event = fixture("ec2-runinstances");
        assert_eq!(plugin.value(1, &event, &format!("ec2.imageids[{index}]")), Expect::Absent, "{index}");
        assert_eq!(plugin.value(1, &event, &format!("ct.resources.arn[{index}]")), Expect::Absent, "{index}");
    }
}

#[test]
fn every_argument_has_a_value_of_its_own() {
    let plugin = Plugin::new();
    let event = Event::new(1, 2, br#"{"requestParameters":{"a":"1","b":"2"},"responseElements":{"a":"3"}}"#);
    for _ in 0..2 {
        for (field, value) in [
            ("ct.request[/a]", "1"),
            ("ct.request[/b]", "2"),
            ("ct.response[/a]", "3"),
            ("ct.value[/requestParameters/b]", "2"),
            ("ct.request", r#"{"a":"1","b":"2"}"#),
        ] {
            assert_eq!(plugin.value(1, &event, field), text(value), "{field}");
        }
    }
}

/// A capture file can hold anything. What libscap reads from one is whole in memory, but its header need not be true.
#[test]
fn a_damaged_event_has_no_values() {
    let plugin = Plugin::new();
    let damage = |at: usize, bytes: &[u8]| {
        let mut event = named("Whole");
        event.0[at..at + bytes.len()].copy_from_slice(bytes);
        event
    };
    let length = |length: u32| damage(16, &length.to_ne_bytes());
    let (parameter_count, id_length, payload_length) = (22, 26, 30);
    let events = [
        length(0),
        length(25),
        length(26),
        length(33),
        length(36),
        length(39),
        damage(20, &1u16.to_ne_bytes()),
        damage(parameter_count, &0u32.to_ne_bytes()),
        damage(parameter_count, &1u32.to_ne_bytes()),
        damage(parameter_count, &u32::MAX.to_ne_bytes()),
        damage(id_length, &0u32.to_ne_bytes()),
        damage(id_length, &3u32.to_ne_bytes()),
        damage(payload_length, &u32::MAX.to_ne_bytes()),
        damage(payload_length, &0u32.to_ne_bytes()),
    ];
    for (event, number) in events.iter().zip(1..) {
        let mut requests = [plugin.request("ct.name"), plugin.request("ec2.imageids"), plugin.request("s3.bytes")];
        assert_eq!(plugin.extract(number, event, &mut requests), SUCCESS, "event {number}");
        assert!(requests.iter().all(|request| request.value() == Expect::Absent), "event {number}");
    }
    assert_eq!(plugin.value(99, &named("Whole"), "ct.name"), text("Whole"));
}
