//! Measures what a rule's fields cost for one event, through the values that Falco is handed.
//!
//! The name of each measurement says what is asked. Unless it says otherwise, every event is new, as in Falco.
#![allow(missing_docs, reason = "criterion's macros make functions without docs")]

mod events;
mod output;

use std::hint::black_box;
use std::time::Duration;

use cloudtrail::fields::CloudTrailFields;
use cloudtrail::fields::table::FIELDS;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use events::Events;
use extraction::{Answers, EventId, RawKey};
use output::OUTPUT;

/// How many different events go round: more than a processor's nearest cache holds.
const EVENTS: usize = 512;

/// A request: a field's number and its argument.
type Ask = (usize, Option<&'static str>);

fn ask(field: &'static str) -> Ask {
    let (name, argument) = match field.split_once('[') {
        Some((name, argument)) => (name, argument.strip_suffix(']')),
        None => (field, None),
    };
    let number = FIELDS.iter().position(|field| field.name == name);
    (number.unwrap_or_else(|| unreachable!("no field {name}")), argument)
}

fn get(answers: &mut Answers<CloudTrailFields>, (field, argument): Ask, event: &str) -> u64 {
    let key = argument.map_or(RawKey::None, |argument| RawKey::Text(argument.as_bytes()));
    answers.get(field, key, event.as_bytes()).count
}

fn extract(criterion: &mut Criterion) {
    let mut generated = Events::new(u64::MAX);
    let events: Vec<String> = (0..EVENTS)
        .map(|_| {
            let mut event = String::new();
            generated.append_to(&mut event);
            event
        })
        .collect();
    let bytes: usize = events.iter().map(String::len).sum();
    let mut group = criterion.benchmark_group(format!("event of {} bytes", bytes / EVENTS));
    group.throughput(Throughput::Elements(1));

    let mut measure = |name: &str, fields: &[&'static str]| {
        let asks: Vec<Ask> = fields.iter().map(|field| ask(field)).collect();
        let mut answers = Answers::default();
        let mut number = 0;
        group.bench_function(name, |bench| {
            bench.iter(|| {
                number += 1;
                let event = &events[number % EVENTS];
                answers.begin(EventId::new(number, 0, event.as_bytes()), event.as_bytes());
                asks.iter().map(|ask| get(&mut answers, *ask, black_box(event))).sum::<u64>()
            });
        });
    };
    measure("no field", &[]);
    measure("ct.name", &["ct.name"]);
    measure("ct.name, 10 times", &["ct.name"; 10]);
    measure("ct.eventcategory, near the end", &["ct.eventcategory"]);
    measure("ct.user", &["ct.user"]);
    measure("absent", &["ct.vpcendpointid"]);
    measure("ct.request", &["ct.request"]);
    measure("ct.value[/userIdentity/arn]", &["ct.value[/userIdentity/arn]"]);
    measure("ct.request[/roleName]", &["ct.request[/roleName]"]);
    measure("ct.info", &["ct.info"]);
    measure("3 fields", &["ct.name", "ct.src", "ct.user"]);
    measure("10 fields", &OUTPUT[..10]);
    measure("20 fields", &OUTPUT);

    let mut answers = Answers::default();
    let (event, name) = (&events[0], ask("ct.name"));
    group.bench_function("ct.name of the same event again", |bench| {
        bench.iter(|| {
            let event = black_box(event);
            answers.begin(EventId::new(1, 0, event.as_bytes()), event.as_bytes());
            get(&mut answers, name, event)
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = extract
}
criterion_main!(benches);
