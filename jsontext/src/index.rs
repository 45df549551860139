//! The index of one document: its values in text order, with what is needed to find a member without reading again.
//!
//! It keeps no text: a [`Value`] is a cursor into the index and the text that it was built from.

use crate::names::Names;
use crate::scan::{self, Go, Stop, Visit};
use crate::{Kind, Pointer, text};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// The index of a document. It keeps its memory from one document to the next.
#[derive(Debug, Default)]
pub struct Index {
    nodes: Vec<Node>,
    /// The names of the document's own members.
    names: Names,
    /// The containers that are still open, as positions in `nodes`.
    open: Vec<u32>,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    escaped: bool,
    key_escaped: bool,
    key: Range<u32>,
    text: Range<u32>,
    /// The node behind this one and all that it contains.
    next: u32,
}

impl Index {
    /// Indexes `text`, which must be one JSON value and white space, nested up to `max_depth`; what an earlier document
    /// left is dropped.
    ///
    /// On an error the index is empty.
    pub fn read<'a>(&'a mut self, text: &'a [u8], max_depth: usize) -> Result<Value<'a>, Stop> {
        self.nodes.clear();
        self.names.clear();
        self.open.clear();
        match self.fill(text, max_depth) {
            Ok(()) => self.root(text).ok_or(Stop::End),
            Err(stop) => {
                self.nodes.clear();
                Err(stop)
            }
        }
    }

    fn fill(&mut self, text: &[u8], max_depth: usize) -> Result<(), Stop> {
        if u32::try_from(text.len()).is_err() {
            return Err(Stop::Syntax(u32::MAX as usize));
        }
        let end = scan::value(text, 0, max_depth, self)?;
        let behind = scan::skip_white(text, end);
        if behind < text.len() {
            return Err(Stop::Syntax(behind));
        }
        let Self { nodes, names, .. } = self;
        if nodes.first().is_some_and(|root| root.kind == Kind::Object) {
            let mut at = 1;
            while let Some(node) = nodes.get(at) {
                let name = text.get(node.key.start as usize..node.key.end as usize).unwrap_or_default();
                names.add(name, node.key_escaped, at as u32);
                at = node.next as usize;
            }
        }
        Ok(())
    }

    fn push(&mut self, name: scan::Text, kind: Kind, range: Range<usize>, escaped: bool) {
        let (key_escaped, key, text) = (name.escaped, narrow(name.range), narrow(range));
        self.nodes.push(Node { kind, escaped, key_escaped, key, text, next: self.nodes.len() as u32 + 1 });
    }

    /// Returns the document's value, if one has been read; `text` must be what was read.
    pub fn root<'a>(&'a self, text: &'a [u8]) -> Option<Value<'a>> {
        self.nodes.first().map(|node| Value { index: self, text, at: 0, node })
    }
}

/// Positions fit: `fill` refuses longer texts.
fn narrow(range: Range<usize>) -> Range<u32> {
    range.start as u32..range.end as u32
}

impl Visit for Index {
    fn open(&mut self, name: scan::Text, kind: Kind, at: usize) -> Go {
        self.open.push(self.nodes.len() as u32);
        self.push(name, kind, at..at, false);
        Go::On
    }

    fn close(&mut self, end: usize) {
        let next = self.nodes.len() as u32;
        if let Some(node) = self.open.pop().and_then(|at| self.nodes.get_mut(at as usize)) {
            node.text.end = end as u32;
            node.next = next;
        }
    }

    fn scalar(&mut self, name: scan::Text, kind: Kind, range: Range<usize>, escaped: bool) {
        self.push(name, kind, range, escaped);
    }
}

/// A value of an indexed document.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    index: &'a Index,
    text: &'a [u8],
    at: usize,
    node: &'a Node,
}

impl<'a> Value<'a> {
    /// Returns what the value is.
    pub fn kind(&self) -> Kind {
        self.node.kind
    }

    /// Returns the value's own JSON text, a string's with its quotes.
    pub fn json(&self) -> &'a [u8] {
        let range = &self.node.text;
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Returns where the value stands in the document's text, a string without its quotes.
    pub fn range(&self) -> Range<usize> {
        let Range { start, end } = self.node.text;
        let quote = u32::from(self.kind() == Kind::String);
        (start + quote) as usize..(end - quote) as usize
    }

    /// Returns the values inside an object or array, in text order; none for other kinds.
    pub fn items(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (index, text) = (self.index, self.text);
        let end = self.node.next as usize;
        let mut at = match self.kind() {
            Kind::Object | Kind::Array => self.at + 1,
            _ => end,
        };
        std::iter::from_fn(move || {
            let node = index.nodes.get(at).filter(|_| at < end)?;
            let item = Value { index, text, at, node };
            at = node.next as usize;
            Some(item)
        })
    }

    /// Returns the first member of an object with this name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        if self.kind() != Kind::Object {
            return None;
        }
        // What is not text as it is written has U+FFFD in its meaning, so ASCII means itself only where it is written so.
        let is_plain = name.is_ascii();
        if self.at == 0
            && is_plain
            && let Some(mut places) = self.index.names.find(name.as_bytes())
        {
            return places.find_map(|at| {
                let member = Value { at, node: self.index.nodes.get(at)?, ..*self };
                (member.raw_name() == name.as_bytes()).then_some(member)
            });
        }
        self.items().find(|member| {
            if is_plain && !member.node.key_escaped {
                member.raw_name() == name.as_bytes()
            } else {
                *member.name() == *name.as_bytes()
            }
        })
    }

    /// Returns the value behind a path of [`step`](Self::step)s.
    pub fn path(&self, steps: &[&str]) -> Option<Value<'a>> {
        steps.iter().try_fold(*self, |value, step| value.step(step))
    }

    /// Returns the value that one step of a pointer leads to: a member's name, or an array index as RFC 6901 writes it.
    pub fn step(&self, step: &str) -> Option<Value<'a>> {
        match self.kind() {
            Kind::Object => self.get(step),
            Kind::Array => {
                let plain = step == "0" || !step.starts_with(['0', '+']);
                self.items().nth(step.parse().ok().filter(|_| plain)?)
            }
            _ => None,
        }
    }

    /// Returns the value that a pointer names.
    pub fn pointer(&self, pointer: &Pointer) -> Option<Value<'a>> {
        pointer.steps().iter().try_fold(*self, |value, step| value.step(step))
    }

    /// Appends the value as a rule sees it: a string's meaning, any other value's JSON text without white space.
    /// `null` appends nothing and gives `None`.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Option<()> {
        match self.kind() {
            Kind::Null => return None,
            Kind::String => text::unescape(self.inner(), self.node.escaped, out),
            Kind::Number | Kind::Bool => out.extend_from_slice(self.json()),
            Kind::Object | Kind::Array => self.append_json_to(out),
        }
        Some(())
    }

    /// Appends the value's JSON text without white space, and of duplicate members only the first.
    pub fn append_json_to(&self, out: &mut Vec<u8>) {
        if self.has_duplicates() {
            self.append_first_ones_to(out);
        } else if self.is_compact() {
            text::clean(self.json(), out);
        } else {
            text::compact(self.json(), out);
        }
    }

    /// Returns whether the text of an object or array has no white space between its tokens: it is as long as they are.
    fn is_compact(&self) -> bool {
        let inside = self.index.nodes.get(self.at + 1..self.node.next as usize).unwrap_or_default();
        let is_filled = |node: &Node, at: usize| node.next as usize > at + 1;
        let (mut length, mut lists) = (2, usize::from(!inside.is_empty()));
        for (at, node) in (self.at + 1..).zip(inside) {
            // Names are never at the start of a text; with the quotes and the colon.
            length += if node.key.start > 0 { node.key.len() + 3 } else { 0 };
            length += match node.kind {
                Kind::Object | Kind::Array => 2,
                _ => node.text.len(),
            };
            lists += usize::from(is_filled(node, at));
        }
        // A comma before every value but the first of a list.
        length + inside.len() - lists == self.json().len()
    }

    /// Appends the value's JSON text without the members whose names came before.
    fn append_first_ones_to(&self, out: &mut Vec<u8>) {
        let is_object = self.kind() == Kind::Object;
        out.push(if is_object { b'{' } else { b'[' });
        let mut is_first = true;
        let append = |item: Value<'_>| {
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            if is_object {
                text::compact(item.key_json(), out);
                out.push(b':');
            }
            match item.kind() {
                Kind::Object | Kind::Array => item.append_first_ones_to(out),
                _ => text::compact(item.json(), out),
            }
        };
        if is_object {
            self.members().for_each(append)
        } else {
            self.items().for_each(append)
        }
        out.push(if is_object { b'}' } else { b']' });
    }

    /// Returns whether an object in the value has a member twice.
    fn has_duplicates(&self) -> bool {
        let own = self.kind() == Kind::Object && self.members().count() < self.items().count();
        own || self.items().any(|item| item.has_duplicates())
    }

    /// Returns the members of an object, of those with the same name the first; none for other kinds.
    pub fn members(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        // Few members are compared with each other as they are written; many would cost their square, and what is not
        // text as it is written would have to be read for every pair.
        const FEW: usize = 16;
        let object = *self;
        let (mut before, mut by_meaning, mut names) = (0, false, HashSet::new());
        let items = self.items().take_while(move |_| object.kind() == Kind::Object);
        items.filter(move |member| {
            let mut earlier = object.items().take(before);
            before += 1;
            let raw = member.raw_name();
            by_meaning |= before > FEW || member.node.key_escaped || !text::is_clean_ascii(raw);
            if !by_meaning {
                return earlier.all(|other| other.raw_name() != raw);
            }
            if names.is_empty() {
                names.extend(earlier.map(|member| member.name()));
            }
            names.insert(member.name())
        })
    }

    /// Returns the meaning of the name that the value has in its object; nothing for other values.
    pub fn name(&self) -> Cow<'a, [u8]> {
        let (raw, escaped) = (self.raw_name(), self.node.key_escaped);
        if !escaped && text::is_clean_ascii(raw) {
            return Cow::Borrowed(raw);
        }
        let mut name = Vec::with_capacity(raw.len());
        text::unescape(raw, escaped, &mut name);
        Cow::Owned(name)
    }

    fn raw_name(&self) -> &'a [u8] {
        let key = &self.node.key;
        self.text.get(key.start as usize..key.end as usize).unwrap_or_default()
    }

    /// The name that the value has in its object, as it is written.
    fn key_json(&self) -> &'a [u8] {
        let node = self.node;
        self.text.get((node.key.start as usize).saturating_sub(1)..node.key.end as usize + 1).unwrap_or_default()
    }

    /// Returns the value as text, as [`append_to`](Self::append_to) gives it; a copy only when it is written in another
    /// way.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let written = match self.kind() {
            Kind::String if !self.node.escaped => Some(self.inner()),
            Kind::Number | Kind::Bool => Some(self.json()),
            _ => None,
        };
        let written = written.and_then(|written| std::str::from_utf8(written).ok());
        if let Some(text) = written.filter(|text| !text.contains('\0')) {
            return Some(Cow::Borrowed(text));
        }
        let mut out = Vec::new();
        self.append_to(&mut out)?;
        String::from_utf8(out).ok().map(Cow::Owned)
    }

    /// Returns whether the value is a string that means `text`.
    pub fn is(&self, text: &str) -> bool {
        if self.kind() != Kind::String {
            return false;
        }
        if !self.node.escaped {
            return self.inner() == text.as_bytes();
        }
        self.text().as_deref() == Some(text)
    }

    /// A string's text between its quotes.
    fn inner(&self) -> &'a [u8] {
        let json = self.json();
        json.get(1..json.len().saturating_sub(1)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.json()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::MAX_DEPTH;

    const EVENT: &str = r#"{ "a": {"b": [10, {"c": "x\ty"}, [ ], null], "b": "second"}, "k\u0065y": true,
        "": {"/": {"~": 1.50}}, "n": null, "deep": {"er": {}} }"#;

    fn at(pointer: &str) -> Option<String> {
        let mut index = Index::default();
        let root = index.read(EVENT.as_bytes(), MAX_DEPTH).unwrap();
        root.pointer(&Pointer::new(pointer).unwrap()).map(|value| value.text().map_or("<null>".into(), Cow::into_owned))
    }

    #[test]
    fn pointers_find_what_they_name() {
        for (pointer, text) in [
            ("/a/b/0", Some("10")),
            ("/a/b/1/c", Some("x\ty")),
            ("/a/b/1", Some(r#"{"c":"x\ty"}"#)),
            ("/a/b/2", Some("[]")),
            ("/a/b/3", Some("<null>")),
            ("/a/b/4", None),
            ("/a/b/00", None),
            ("/a/b/+1", None),
            ("/a/b/-", None),
            ("/a/b", Some(r#"[10,{"c":"x\ty"},[],null]"#)),
            ("/key", Some("true")),
            ("/k\\u0065y", None),
            ("//~1/~0", Some("1.50")),
            ("/n", Some("<null>")),
            ("/n/x", None),
            ("/a/b/0/x", None),
            ("/deep/er", Some("{}")),
            ("/er", None),
            ("/missing", None),
        ] {
            assert_eq!(at(pointer).as_deref(), text, "{pointer}");
        }
    }

    #[test]
    fn the_first_of_duplicates_is_all_that_is_seen() {
        let mut index = Index::default();
        let text = br#"{"a":[{"b":1,"c":{"\u0062":2, "b":3}},4],"a":5,"\u0061":6}"#;
        let root = index.read(text, MAX_DEPTH).unwrap();
        assert_eq!(root.text().unwrap(), r#"{"a":[{"b":1,"c":{"\u0062":2}},4]}"#);
        let many: String = (0..40).map(|i| format!("\"{}\":{i},", i % 20)).collect();
        let text = format!("{{{}\"z\":0}}", many);
        let root = index.read(text.as_bytes(), MAX_DEPTH).unwrap();
        assert_eq!(root.items().count(), 41);
        assert_eq!(root.text().unwrap().matches(':').count(), 21);
    }

    #[test]
    fn a_name_that_is_no_text_is_found_by_its_meaning() {
        let mut index = Index::default();
        let root = index.read(b"{\"x-\xff\":1,\"y\":2,\"\\ud800\":3}", MAX_DEPTH).unwrap();
        assert_eq!(root.get("x-\u{fffd}").unwrap().json(), b"1");
        assert_eq!(root.get("y").unwrap().json(), b"2");
        assert_eq!(root.get("\u{fffd}").unwrap().json(), b"3");
    }

    #[test]
    fn an_index_forgets_the_document_before() {
        let mut index = Index::default();
        index.read(br#"{"a":1}"#, MAX_DEPTH).unwrap();
        assert_eq!(index.read(br#"{"a":1"#, MAX_DEPTH).unwrap_err(), Stop::End);
        assert!(index.root(br#"{"a":1}"#).is_none());
        assert_eq!(index.read(b"{} {}", MAX_DEPTH).unwrap_err(), Stop::Syntax(3));
        assert!(index.read(br#"{"b":2}"#, MAX_DEPTH).unwrap().get("a").is_none());
    }

    #[test]
    fn members_of_the_document_are_told_apart_whatever_they_share() {
        let mut index = Index::default();
        let members = r#""eventName":1,"eventTime":2,"otherName":3,"eventName":4,"":5,"a":6,"b":7"#;
        for again in [r#""a""#, r#""\u0061""#] {
            let text = format!(r#"{{{members},{again}:8,"ab":{{"a":9}}}}"#);
            let root = index.read(text.as_bytes(), MAX_DEPTH).unwrap();
            for (name, json) in [
                ("eventName", Some("1")),
                ("eventTime", Some("2")),
                ("otherName", Some("3")),
                ("", Some("5")),
                ("a", Some("6")),
                ("b", Some("7")),
                ("ab", Some(r#"{"a":9}"#)),
                ("eventname", None),
                ("rName", None),
                ("c", None),
                ("\u{fffd}", None),
            ] {
                let found = root.get(name).map(|member| String::from_utf8_lossy(member.json()).into_owned());
                assert_eq!(found.as_deref(), json, "{name}");
            }
            assert_eq!(root.get("ab").unwrap().get("a").unwrap().json(), b"9");
        }
        assert!(index.read(b"[{\"a\":1}]", MAX_DEPTH).unwrap().get("a").is_none());
    }

    #[test]
    fn text_without_white_space_is_told_from_its_tokens() {
        let mut index = Index::default();
        for text in [
            "{}",
            "[]",
            r#"{"a":1}"#,
            r#"{"a b":" x ","c":[1,-2.5,true,null,[],{},[[]],"\" "],"":{"":""}}"#,
            r#"[{"a":[]},{"a":{}},[[1],[2,3]]]"#,
        ] {
            let compact = |text: &str, index: &mut Index| {
                let root = index.read(text.as_bytes(), MAX_DEPTH).unwrap();
                assert_eq!(root.text().unwrap().as_bytes(), {
                    let mut out = Vec::new();
                    text::compact(text.as_bytes(), &mut out);
                    out
                });
                root.is_compact()
            };
            assert!(compact(text, &mut index), "{text}");
            for (at, byte) in text.char_indices().skip(1).filter(|(_, c)| "{}[],:".contains(*c)) {
                let spaced = format!("{} {byte}{}", &text[..at], &text[at + 1..]);
                assert!(!compact(&spaced, &mut index), "{spaced}");
            }
        }
    }

    #[test]
    fn a_value_knows_where_it_stands() {
        let mut index = Index::default();
        let text = br#"{"a": [12, "x\ty"]}"#;
        let root = index.read(text, MAX_DEPTH).unwrap();
        for (pointer, written) in [("", &text[..]), ("/a", b"[12, \"x\\ty\"]"), ("/a/0", b"12"), ("/a/1", b"x\\ty")] {
            assert_eq!(&text[root.pointer(&Pointer::new(pointer).unwrap()).unwrap().range()], written);
        }
    }

    #[test]
    fn a_string_is_compared_by_its_meaning() {
        let mut index = Index::default();
        let root = index.read(br#"["\u0041b", "Ab", 1]"#, MAX_DEPTH).unwrap();
        assert_eq!(root.items().map(|item| item.is("Ab")).collect::<Vec<_>>(), [true, true, false]);
    }
}
