//! The reader of JSON beside serde_json: it takes the same texts and finds the same values in them, and so do the fields
//! of the `json` plugin.

use std::cell::RefCell;
use std::fmt;

use extraction::{Event, Fields, Found, RawKey};
use jsontext::scan::Stop;
use jsontext::{Index, Kind, Value, text};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::choices::Choices;
use crate::json_fields::JsonFields;
use crate::washing::washed;

thread_local! {
    static INDEX: RefCell<Index> = RefCell::default();
}

/// The deepest text that is looked at; serde_json gives no values of deeper ones.
const DEPTH: usize = 127;

/// Reads a text.
pub fn run(input: &[u8]) {
    // A number that ends with the text may go on.
    let text = [&washed(input), &b"\n"[..]].concat();
    let lossy = String::from_utf8_lossy(&text);
    INDEX.with_borrow_mut(|index| {
        let root = match index.read(&text, DEPTH) {
            Err(Stop::Depth(_)) => return,
            other => other.ok(),
        };
        assert_eq!(root.is_some(), serde_json::from_str::<IgnoredAny>(&lossy).is_ok(), "{lossy}");
        // It has no values for lone surrogates and for numbers that are too large.
        let (Some(root), Ok(tree)) = (root, serde_json::from_str::<Tree>(&lossy)) else { return };
        compare(root, &tree);
        let mut compact = Vec::new();
        root.append_json_to(&mut compact);
        assert_eq!(read(&compact), tree.without_duplicates(), "{lossy}");
        let mut again = Vec::new();
        text::compact(&compact, &mut again);
        assert!(again == compact, "{}", String::from_utf8_lossy(&compact));
        check_fields(&text, root, &tree, &mut Choices::of(input));
    });
}

/// A value as serde_json reads it. Where texts may hold no NUL, there is U+FFFD in its place.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Tree>),
    /// The members in their order, those with the same name too.
    Object(Vec<(String, Tree)>),
}

fn read(json: &[u8]) -> Tree {
    serde_json::from_slice(json).expect("what is given is JSON")
}

fn same_number(one: f64, other: f64) -> bool {
    // Without a feature of its own, serde_json is off by a last digit now and then.
    one == other || (one - other).abs() <= one.abs() * 4.0 * f64::EPSILON
}

fn compare(value: Value<'_>, tree: &Tree) {
    match (value.kind(), tree) {
        (Kind::Null, Tree::Null) => assert_eq!(value.text(), None),
        (Kind::Bool, Tree::Bool(flag)) => assert_eq!(value.text().unwrap(), flag.to_string()),
        (Kind::Number, Tree::Number(number)) => {
            assert!(same_number(value.text().unwrap().parse().unwrap(), *number), "{number}");
        }
        (Kind::String, Tree::Text(text)) => {
            assert_eq!(value.text().unwrap(), *text);
            assert!(value.is(text) || text.contains('\u{fffd}'));
        }
        (Kind::Array, Tree::List(items)) => {
            assert_eq!(value.items().count(), items.len());
            value.items().zip(items).for_each(|(value, tree)| compare(value, tree));
            assert!(value.step(&items.len().to_string()).is_none());
        }
        (Kind::Object, Tree::Object(members)) => {
            let names: Vec<String> =
                value.items().map(|item| String::from_utf8(item.name().into_owned()).unwrap()).collect();
            assert!(names.iter().eq(members.iter().map(|(name, _)| name)), "{names:?}");
            value.items().zip(members).for_each(|(value, (_, tree))| compare(value, tree));
            let first = |name: &String| names.iter().position(|other| other == name);
            for name in &names {
                let found = value.get(name).expect("a member that is there");
                let expected = value.items().nth(first(name).unwrap()).unwrap();
                assert_eq!(found.range(), expected.range(), "{name:?}");
            }
            let distinct = (0..names.len()).filter(|at| first(&names[*at]) == Some(*at));
            let expected = distinct.map(|at| value.items().nth(at).unwrap().range());
            assert!(value.members().map(|member| member.range()).eq(expected));
        }
        (kind, tree) => panic!("{kind:?} where serde_json finds {tree:?}"),
    }
}

/// Compares what the `json` plugin gives.
fn check_fields(payload: &[u8], root: Value<'_>, tree: &Tree, choices: &mut Choices<'_>) {
    let is_container = payload.starts_with(b"{") || payload.starts_with(b"[");
    let event = Event { payload, time_ns: 0, root: Some(root) };
    let find = |name: &str, pointer: Option<&str>| {
        let field = JsonFields::specs().position(|spec| spec.name == name).unwrap();
        let mut out = Vec::new();
        let raw = pointer.map_or(RawKey::None, |pointer| RawKey::Text(pointer.as_bytes()));
        let found = JsonFields::find(field, &JsonFields::key(field, raw), event, &mut out);
        matches!(found, Found::Text(_)).then_some(out)
    };
    let (pointer, named) = tree.pointer(choices);
    let value = find("json.value", Some(&pointer));
    let indented = find("json.obj", None);
    let (Some(value), Some(indented), true) = (&value, &indented, is_container) else {
        assert!(!is_container && value.is_none() && indented.is_none(), "{pointer}");
        return;
    };
    match named {
        Tree::Text(text) => assert_eq!(*text.as_bytes(), **value, "{pointer}"),
        named => assert_eq!(*named, read(value), "{pointer}"),
    }
    assert_eq!(*tree, read(indented));
}

impl Tree {
    fn without_duplicates(&self) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(Self::without_duplicates).collect()),
            Self::Object(members) => {
                let mut kept: Vec<(String, Self)> = Vec::new();
                for (name, value) in members {
                    if kept.iter().all(|(other, _)| other != name) {
                        kept.push((name.clone(), value.without_duplicates()));
                    }
                }
                Self::Object(kept)
            }
            other => other.clone(),
        }
    }

    /// Chooses a value, and returns a pointer to it too.
    fn pointer(&self, choices: &mut Choices<'_>) -> (String, &Self) {
        let (mut pointer, mut tree) = (String::new(), self);
        loop {
            let (step, next) = match tree {
                Self::List(items) if !items.is_empty() => {
                    let at = choices.below(items.len());
                    (at.to_string(), &items[at])
                }
                Self::Object(members) if !members.is_empty() => {
                    let name = &members[choices.below(members.len())].0;
                    let first = members.iter().find(|(other, _)| other == name).unwrap();
                    (name.replace('~', "~0").replace('/', "~1"), &first.1)
                }
                _ => return (pointer, tree),
            };
            if choices.below(4) == 0 {
                return (pointer, tree);
            }
            pointer = format!("{pointer}/{step}");
            tree = next;
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Planter)
    }
}

/// Makes a [`Tree`].
struct Planter;

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl<'de> Visitor<'de> for Planter {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(without_nul(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, Tree>()? {
            object.push((without_nul(&name), value));
        }
        Ok(Tree::Object(object))
    }
}
