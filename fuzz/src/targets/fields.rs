//! Every field of the `cloudtrail` plugin on any payload: each gives what a slow and simple reading of the event gives
//! (`tests/oracle`), and what it gives can be handed to Falco.

use std::cell::RefCell;
use std::sync::LazyLock;

use extraction::{Argument, Event, Fields, Found, RawKey};
use jsontext::scan::Stop;
use jsontext::{Index, Kind, Value};

use crate::choices::Choices;
use crate::fields::table::FIELDS;
use crate::fields::{CloudTrailFields, Key, plugin_info};
use crate::oracle::{self, Expect, Reading};
use crate::washing::mended;

/// How many fields one input is asked for; all of them would take most of the time.
const ASKED: usize = 5;

/// The deepest payload that the oracle reads.
const DEPTH: usize = 1000;

/// A field as a rule names it.
struct Case {
    text: String,
    field: usize,
    key: Key,
}

impl Case {
    fn new(text: &str) -> Self {
        let (name, argument) = text.strip_suffix(']').and_then(|text| text.split_once('[')).unzip();
        let name = name.unwrap_or(text);
        let field = FIELDS.iter().position(|field| field.name == name).expect("a field of the contract");
        let raw = match (argument, FIELDS[field].spec().argument) {
            (Some(index), Argument::OptionalIndex) => RawKey::Index(index.parse().unwrap()),
            (Some(text), _) => RawKey::Text(text.as_bytes()),
            (None, _) => RawKey::None,
        };
        Self { text: text.to_owned(), field, key: CloudTrailFields::key(field, raw) }
    }
}

/// All fields of the contract but `evt.plugininfo`, which is no field of the plugin.
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let cases = oracle::fields().into_iter().filter(|case| case.text != "evt.plugininfo");
    cases.map(|case| Case::new(case.text)).collect()
});

thread_local! {
    static INDEX: RefCell<Index> = RefCell::default();
}

/// Asks some fields of a payload, and of the event that it nearly is.
pub fn run(input: &[u8]) {
    let mut choices = Choices::of(input);
    let chosen: Vec<&Case> = (0..ASKED).map(|_| &CASES[choices.below(CASES.len())]).collect();
    INDEX.with_borrow_mut(|index| {
        if !compare(index, input, &chosen, &mut choices) {
            let event = mended(input);
            let is_event = compare(index, &event, &chosen, &mut choices);
            assert!(is_event, "{}", String::from_utf8_lossy(&event));
        }
    });
}

/// Compares fields with the oracle's, and returns whether the payload is an event.
fn compare(index: &mut Index, payload: &[u8], cases: &[&Case], choices: &mut Choices<'_>) -> bool {
    let root = match index.read(payload, DEPTH) {
        Err(Stop::Depth(_)) => return true,
        other => other.ok(),
    };
    let reading = Reading::of(payload);
    let event = Event { payload, time_ns: 0, root };
    for case in cases {
        check(case, event, &reading);
    }
    let Some(root) = root.filter(|root| root.kind() == Kind::Object) else { return false };
    let inside = ["ct.request", "ct.response", "ct.additionaleventdata"][choices.below(3)];
    let member = ["requestParameters", "responseElements", "additionalEventData"][choices.below(3)];
    for (name, from) in [("ct.value", Some(root)), ("ct.values", Some(root)), (inside, root.get(member))] {
        let pointer = from.map(|from| pointer_into(from, name == "ct.values", choices)).unwrap_or_default();
        check(&Case::new(&format!("{name}[{pointer}]")), event, &reading);
    }
    let mut line = Vec::new();
    plugin_info(root, &mut line);
    assert_eq!(Expect::Text(text_of(&line).to_owned()), reading.expect("evt.plugininfo"));
    true
}

fn check(case: &Case, event: Event<'_>, reading: &Reading) {
    let mut out = Vec::new();
    let found = match CloudTrailFields::find(case.field, &case.key, event, &mut out) {
        Found::Absent => Expect::Absent,
        Found::Text(place) => {
            assert!(place.is_none_or(|place| event.payload.get(place).is_some()));
            Expect::Text(text_of(&out).to_owned())
        }
        Found::Number(number) => Expect::U64(number),
        Found::Address(address) => Expect::Text(address.to_string()),
        Found::Texts(ends) => {
            let starts = std::iter::once(0).chain(ends.iter().copied());
            Expect::List(starts.zip(&ends).map(|(start, end)| text_of(&out[start..*end]).to_owned()).collect())
        }
    };
    let expected = reading.expect(&case.text);
    assert_eq!(found, expected, "{} of {}", case.text, String::from_utf8_lossy(event.payload));
}

/// Returns a text as it can be handed to Falco.
fn text_of(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).expect("a value is UTF-8");
    assert!(!text.contains('\0'), "a value has a NUL: {text:?}");
    text
}

/// Returns a pointer that leads to some value, or next to one, and into the texts of others.
fn pointer_into(from: Value<'_>, with_stars: bool, choices: &mut Choices<'_>) -> String {
    let (mut value, mut pointer) = (from, String::new());
    loop {
        let items: Vec<Value<'_>> = value.items().collect();
        let at = choices.below(items.len().max(1) + 1);
        let Some(item) = items.get(at) else {
            return pointer
                + ["", "", "", "/", "/0", "/Statement/0", "/-", "/00", "/~1", "/a~", "/*"][choices.below(11)];
        };
        pointer.push('/');
        if with_stars && choices.below(3) == 0 {
            pointer.push('*');
        } else if value.kind() == Kind::Array {
            pointer += &at.to_string();
        } else {
            pointer += &String::from_utf8_lossy(&item.name()).replace('~', "~0").replace('/', "~1");
        }
        value = *item;
    }
}
