//! Every field of every event, asked of the real engine, is what an independent reading of the event says.

use crate::engine::{events_of, plugin, raw};
use crate::oracle::{self, Expect, FieldCase, Kind, Reading};
use runner::host::Session;
use serde_json::{Map, Value};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the engine prints for an expected value.
fn printed(expected: Expect, kind: Kind) -> Value {
    match expected {
        Expect::Absent => Value::Null,
        Expect::Text(_) if kind == Kind::Net => "<IPNET>".into(),
        Expect::Text(text) => text.into(),
        Expect::List(texts) => texts.into(),
        Expect::U64(number) => number.into(),
    }
}

fn assert_values(name: &str, payload: &[u8], values: &Map<String, Value>, fields: &[FieldCase]) {
    let reading = Reading::of(payload);
    let wrong = fields.iter().filter_map(|field| {
        let expected = printed(reading.expect(field.text), field.kind);
        let found = &values[field.text];
        (*found != expected).then(|| format!("{}: found {found}, expected {expected}", field.text))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{name}:\n{}\n{}", wrong.join("\n"), String::from_utf8_lossy(payload));
}

#[test]
fn every_field_of_every_event_fixture_is_as_an_independent_reader_says() {
    let fields = oracle::fields();
    let names: Vec<&str> = fields.iter().map(|field| field.text).collect();
    for event in oracle::fixtures::events() {
        let values = events_of(&plugin("{}"), &event.path, &names);
        assert_eq!(values.len(), 1, "{}", event.name);
        assert_values(&event.name, &event.payload, &values[0], &fields);
    }
}

#[test]
fn values_typed_by_hand_are_what_the_engine_shows() {
    for name in oracle::fixtures::expected_names() {
        let path = oracle::fixtures::root().join(format!("events/{name}.json"));
        for (field, expected) in oracle::fixtures::expected(&name).unwrap() {
            if field == "ct.srcip.net" && expected != "<NA>" {
                continue;
            }
            let report = Session::new(&[plugin("{}")]).input("cloudtrail", &path).format(&format!("%{field}"));
            let report = report.run().unwrap().check().unwrap();
            assert_eq!(String::from_utf8_lossy(&report.stdout), format!("{expected}\n"), "{field} of {name}");
        }
    }
}

/// Where the real logs are, if this machine has them.
fn real_logs() -> Option<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    folder.is_dir().then_some(folder)
}

#[test]
fn real_events_come_once_and_whole() {
    let Some(folder) = real_logs() else { return eprintln!("skipped: no real logs on this machine") };
    let fields = oracle::fields();
    let mut names: Vec<&str> = fields.iter().map(|field| field.text).collect();
    names.push("ct.value[/eventID]");
    for (set, count) in [("invictus", 2900), ("otrf", 103)] {
        let expected = raw::events(&folder.join(set));
        assert_eq!(expected.len(), count, "{set} as a general reader counts it");
        let values = events_of(&plugin("{}"), &folder.join(set), &names);
        assert_eq!(values.len(), count, "{set}");
        for (payload, values) in expected.iter().zip(&values) {
            assert_values(set, payload, values, &fields);
        }
        let mut ids: Vec<_> = values.iter().map(|values| values["ct.id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{set}: every eventID once");
    }
}

#[test]
fn networks_are_compared_as_networks() {
    let event = oracle::fixtures::root().join("events");
    let ids = |filter: &str| {
        let session = Session::new(&[plugin("{}")]).input("cloudtrail", &event).filter(filter);
        let mut ips: Vec<_> = session.events(&["ct.srcip"]).unwrap().iter().map(|v| v["ct.srcip"].clone()).collect();
        ips.sort_by_key(|ip| ip.to_string());
        ips.dedup();
        ips
    };
    let inside = ids("ct.srcip.net in (203.0.113.0/24)");
    assert!(!inside.is_empty() && inside.iter().all(|ip| ip.as_str().unwrap().starts_with("203.0.113.")), "{inside:?}");
    let one = inside[0].as_str().unwrap();
    assert_eq!(ids(&format!("ct.srcip.ip = {one}")), [one]);
    let names = ids("ct.srcip exists and not ct.srcip.net exists");
    assert!(names.contains(&"AWS Internal".into()), "what is no address is in no network: {names:?}");
}

#[test]
fn a_capture_gives_the_same_values_when_it_is_replayed() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let fields = ["ct.id", "ct.name", "ct.request", "ct.info", "s3.bytes", "evt.plugininfo", "evt.time"];
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("events.scap");
    let path = oracle::fixtures::root().join("events");
    let written = Session::new(&[plugin("{}")]).input("cloudtrail", &path).arg("-w").arg(&capture).run().unwrap();
    assert!(written.status.success(), "{}", written.complaint);
    let replayed = Session::new(&[plugin("{}")]).arg("-r").arg(&capture).events(&fields).unwrap();
    let timed = |events: Vec<Map<String, Value>>| -> Vec<_> {
        // What has no time of its own got the time of reading.
        events.into_iter().filter(|event| u128::from(event["evt.time"].as_u64().unwrap()) < before).collect()
    };
    let direct = timed(events_of(&plugin("{}"), &path, &fields));
    assert!(direct.len() > 50);
    assert_eq!(timed(replayed), direct);
}
