//! Holds extraction to its steady state: once it has seen events of their size, reading an event and asking for fields
//! takes no memory from the allocator. A binary of its own, since it brings an allocator that counts.
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault fails the test")]

#[path = "../benches/events.rs"]
#[allow(dead_code, reason = "made for the benches, which write whole logs")]
mod events;

use bumpalo::Bump;
use cloudtrail::fields::CloudTrailFields;
use cloudtrail::fields::table::FIELDS;
use extraction::{Answers, Argument, EventId, Given, RawKey, Type};
use falco_plugin::api::{ss_plugin_extract_field, ss_plugin_extract_field__bindgen_ty_1 as Values};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::path::Path;
use std::{fs, ptr, slice};

/// What fields still allocate for, and which do. The list only shrinks: a field fails the test when it allocates and is
/// not on it, and when it is on it and does not.
const ALLOCATING: &[(&str, &[&str])] = &[
    ("the names of an object with many members, to leave out repeated ones", &["ct.request.policy", "ct.response"]),
    ("the JSON inside of a text", &["ct.request[/policyDocument/Statement/0/Effect]"]),
    (
        "the policies in the request, and whom and what it finds there",
        &[
            "ct.ingress.ports",
            "ct.ingress.ports[0]",
            "ct.ingress.public",
            "ct.ingress.public[0]",
            "ct.policy.accounts",
            "ct.policy.accounts[0]",
            "ct.policy.admin",
            "ct.policy.public",
            "ct.share.accounts",
            "ct.share.accounts[0]",
            "ct.share.public",
        ],
    ),
];

/// Events for the fields that have no value in the fixtures.
const MORE: [&str; 2] = [
    r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":"bob"},"eventTime":"2026-03-02T09:10:11Z","eventSource":"ec2.amazonaws.com","eventName":"AuthorizeSecurityGroupIngress","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","requestParameters":{"groupId":"sg-0a1b2c3d4e5f60718","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{}}]}},"responseElements":{"_return":true},"readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111122223333"}"#,
    r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":"bob"},"eventTime":"2026-03-02T09:10:11Z","eventSource":"s3.amazonaws.com","eventName":"PutBucketLifecycle","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","requestParameters":{"bucketName":"orders","LifecycleConfiguration":{"Rule":{"ID":"old","Status":"Enabled","Prefix":"","Expiration":{"Days":1}}}},"responseElements":null,"readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111122223333"}"#,
];

/// The pointers that fields with a key are asked with: into the event, into parameters, into text inside of them,
/// into lists, and to nothing.
const POINTERS: [&str; 6] = [
    "/userIdentity/arn",
    "/roleName",
    "/policyDocument/Statement/0/Effect",
    "/instancesSet/items/0/imageId",
    "/resources/*/ARN",
    "/no/such/member",
];

/// After so many rounds over all events the arena has grown to what the largest of them needs.
const WARM_UP: usize = 3;

thread_local! {
    /// How often this thread has asked the allocator for memory; the harness has threads of its own.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A field and an argument, and both as a rule writes them.
struct Ask {
    text: String,
    field: usize,
    argument: Option<&'static str>,
}

impl Ask {
    fn takes_key(&self) -> bool {
        matches!(FIELDS[self.field].spec().argument, Argument::OptionalKey | Argument::RequiredKey)
    }

    fn key(&self) -> RawKey<'static> {
        match self.argument {
            None => RawKey::None,
            Some(key) if self.takes_key() => RawKey::Text(key.as_bytes()),
            Some(index) => RawKey::Index(index.parse().unwrap()),
        }
    }
}

/// Every field of the table, with every kind of argument that it takes.
fn asks() -> Vec<Ask> {
    let mut asks = Vec::new();
    for (field, spec) in FIELDS.iter().enumerate() {
        let keys = POINTERS.map(Some);
        let arguments: Vec<Option<&str>> = match spec.spec().argument {
            Argument::No => vec![None],
            Argument::OptionalIndex => vec![None, Some("0")],
            Argument::OptionalKey => [&[None], &keys[..]].concat(),
            Argument::RequiredKey => keys.to_vec(),
        };
        asks.extend(arguments.into_iter().map(|argument| Ask {
            text: argument.map_or_else(|| spec.name.into(), |argument| format!("{}[{argument}]", spec.name)),
            field,
            argument,
        }));
    }
    asks
}

/// The events of the fixtures, but those whose names and texts no service writes; [`MORE`], so that every field has a
/// value; and those that the benches measure.
fn all_events() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".json") && !name.starts_with("keys-") && !name.starts_with("text-")
    });
    let mut events: Vec<Vec<u8>> = files.map(|path| fs::read(path).unwrap().trim_ascii().to_vec()).collect();
    events.extend(MORE.map(Vec::from));
    let mut generated = events::Events::new(u64::MAX);
    events.extend((0..512).map(|_| {
        let mut event = String::new();
        generated.append_to(&mut event);
        event.into_bytes()
    }));
    events
}

/// An event as it crosses the plugin API: time, thread, length, type, number of parameters; their lengths; the plugin's
/// ID, the payload.
fn in_libscaps_form(payload: &[u8]) -> Vec<u8> {
    let mut event = vec![0; 16];
    event.extend((38 + payload.len() as u32).to_ne_bytes());
    event.extend(322_u16.to_ne_bytes());
    for number in [2, 4, payload.len() as u32, 2] {
        event.extend(number.to_ne_bytes());
    }
    event.extend(payload);
    event
}

/// Asks everything of every event, again and again, and checks that the [`ALLOCATING`] fields allocate and no others.
/// `get` is given the engine's number of an event and its place among them; it begins the event when it is given no
/// number of an ask, and else returns how many values there are.
fn assert_steady(asks: &[Ask], events: &[Vec<u8>], mut get: impl FnMut(u64, usize, Option<usize>) -> u64) {
    let (mut allocating, mut present) = (BTreeMap::new(), BTreeSet::new());
    for round in 0..=WARM_UP {
        for place in 0..events.len() {
            let number = (round * events.len() + place) as u64;
            for ask in std::iter::once(None).chain((0..asks.len()).map(Some)) {
                let before = ALLOCATIONS.get();
                let values = get(number, place, ask);
                let allocations = ALLOCATIONS.get() - before;
                let name = ask.map_or("the event", |ask| &asks[ask].text);
                if round == WARM_UP && allocations > 0 {
                    let (number, of) = allocating.entry(name).or_insert((0, 0));
                    (*number, *of) = (*number + allocations, *of + 1);
                }
                if values > 0 {
                    present.insert(name);
                }
            }
        }
    }
    for field in FIELDS {
        let is_present = asks.iter().any(|ask| FIELDS[ask.field].name == field.name && present.contains(&*ask.text));
        assert!(is_present, "no event has a value for {}, so nothing is known of it", field.name);
    }
    let listed: BTreeSet<&str> = ALLOCATING.iter().flat_map(|(_, names)| *names).copied().collect();
    let new = allocating.iter().filter(|(name, _)| !listed.contains(*name));
    let new: Vec<String> = new.map(|(name, (number, of))| format!("{name}: {number} times in {of} events")).collect();
    assert!(new.is_empty(), "of {} events, these allocate:\n{}", events.len(), new.join("\n"));
    let old: Vec<_> = listed.iter().filter(|name| !allocating.contains_key(*name)).collect();
    assert!(old.is_empty(), "these no longer allocate, so take them off the list: {old:?}");
}

#[test]
fn fields_of_further_events_allocate_nothing() {
    let asks = asks();
    let mut answers = Answers::<CloudTrailFields>::default();
    let events = all_events();
    assert_steady(&asks, &events, |number, place, ask| match ask {
        None => {
            answers.begin(EventId::new(number, 0, &events[place]), &events[place]);
            0
        }
        Some(ask) => answers.get(asks[ask].field, asks[ask].key(), || &events[place]).count,
    });
}

#[test]
fn requests_for_fields_of_further_events_allocate_nothing() {
    let asks = asks();
    let keys: Vec<CString> = asks.iter().map(|ask| CString::new(ask.argument.unwrap_or_default()).unwrap()).collect();
    let mut requests: Vec<ss_plugin_extract_field> = asks
        .iter()
        .zip(&keys)
        .map(|(ask, key)| ss_plugin_extract_field {
            res: Values { str_: ptr::null_mut() },
            res_len: 0,
            field_id: ask.field as u32,
            field: ptr::null(),
            arg_key: if ask.argument.is_some() && ask.takes_key() { key.as_ptr() } else { ptr::null() },
            arg_index: if let RawKey::Index(index) = ask.key() { index } else { 0 },
            arg_present: ask.argument.is_some().into(),
            ftype: 0,
            flist: (FIELDS[ask.field].spec().field_type == Type::TextList).into(),
        })
        .collect();
    let (mut answers, storage) = (Answers::<CloudTrailFields>::default(), Bump::new());
    let events = all_events();
    let given: Vec<Vec<u8>> = events.iter().map(|event| in_libscaps_form(event)).collect();
    assert_steady(&asks, &events, |number, place, ask| {
        let requests = ask.map_or(&mut [][..], |ask| slice::from_mut(&mut requests[ask]));
        // SAFETY: a whole event that lives as long as the call.
        let event = unsafe { Given::new(number, given[place].as_ptr().cast()) };
        extraction::fill(&mut answers, event, requests, None, &storage, |_| {});
        requests.first().map_or(0, |request| request.res_len)
    });
}
