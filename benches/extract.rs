//! Measures what a rule's fields cost for one event: a new one for most figures, as in Falco, and through the values
//! that Falco is handed or the plugin API itself.
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault ends a bench and is seen")]

mod events;
mod library;
mod output;

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, Result};
use cloudtrail::fields::CloudTrailFields;
use cloudtrail::fields::table::FIELDS;
use criterion::{Criterion, Throughput};
use events::Events;
use extraction::{Answers, EventId, RawKey};
use library::{Event, Plugin};
use output::OUTPUT;
use serde_json::Value;

/// How many different events go round: more than a processor's nearest cache holds.
const EVENTS: usize = 512;

/// What is asked of a new event, by the names that the measurements have.
const ASKED: [(&str, &[&str]); 9] = [
    ("no field", &[]),
    ("first field", &["ct.name"]),
    ("member near the end", &["ct.eventcategory"]),
    ("absent member", &["ct.vpcendpointid"]),
    ("pointer", &["ct.value[/userIdentity/arn]"]),
    ("user", &["ct.user"]),
    ("info", &["ct.info"]),
    ("10 fields", OUTPUT.split_at(10).0),
    ("20 fields", &OUTPUT),
];

/// A request: a field's number and its argument.
type Ask = (usize, Option<&'static str>);

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    extract(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn extract(criterion: &mut Criterion) -> Result<()> {
    let mut generated = Events::new(u64::MAX);
    let events: Vec<String> = (0..EVENTS)
        .map(|_| {
            let mut event = String::new();
            generated.append_to(&mut event);
            event
        })
        .collect();
    let bytes: usize = events.iter().map(String::len).sum();
    let mut group = criterion.benchmark_group("event");
    group.throughput(Throughput::Bytes((bytes / EVENTS) as u64));

    let mut number = 0;
    group.bench_function("serde_json Value", |bench| {
        bench.iter(|| {
            number += 1;
            let value: Option<Value> = serde_json::from_slice(black_box(events[number % EVENTS].as_bytes())).ok();
            value.as_ref().and_then(|value| value.get("eventName")?.as_str()).map(str::len)
        });
    });
    for (name, fields) in ASKED {
        let asks = fields.iter().map(|field| ask(field)).collect::<Result<Vec<Ask>>>()?;
        let mut answers = Answers::default();
        let mut number = 0;
        group.bench_function(name, |bench| {
            bench.iter(|| {
                number += 1;
                let event = black_box(&events[number % EVENTS]);
                answers.begin(EventId::new(number as u64, 0, event.as_bytes()), event.as_bytes());
                asks.iter().map(|ask| get(&mut answers, *ask, event)).sum::<u64>()
            });
        });
    }

    let plugin = Plugin::load("{}")?;
    let mut request = plugin.request("ct.name")?;
    let events: Vec<Event> = events.iter().map(|event| Event::new(event.as_bytes(), 0)).collect();
    let mut number = 0;
    group.bench_function("first field by the API", |bench| {
        bench.iter(|| {
            number += 1;
            plugin.call(&mut request, black_box(&events[number % EVENTS]), number as u64)
        });
    });
    group.bench_function("repeated field by the API", |bench| {
        bench.iter(|| plugin.call(&mut request, black_box(&events[0]), 0));
    });
    group.finish();
    Ok(())
}

fn ask(field: &'static str) -> Result<Ask> {
    let (name, argument) = match field.split_once('[') {
        Some((name, argument)) => (name, argument.strip_suffix(']')),
        None => (field, None),
    };
    let number = FIELDS.iter().position(|field| field.name == name);
    Ok((number.with_context(|| format!("no field {name}"))?, argument))
}

fn get(answers: &mut Answers<CloudTrailFields>, (field, argument): Ask, event: &str) -> u64 {
    let key = argument.map_or(RawKey::None, |argument| RawKey::Text(argument.as_bytes()));
    answers.get(field, key, || event.as_bytes()).count
}
