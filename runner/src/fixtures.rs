//! The events that prove rules, as people write them: for each rule a folder named after it with what must raise its
//! alert and what must not. Each event says only what matters; the rest comes from a base that all share.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::rules::{self, RuleSet};

/// The file that every event begins with, beside the rules' folders.
const BASE: &str = "base.yaml";
/// The file with a rule's events.
const EVENTS: &str = "events.yaml";

/// An event for a rule, whole.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The folder's name, which is the rule's [`slug`].
    pub slug: String,
    /// What the event is, without a subject: `deletes the encryption of a bucket`.
    pub it: String,
    /// Whether it must raise the rule's alert.
    pub fires: bool,
    /// The event. Its `eventID` is unique among all fixtures.
    pub event: Value,
}

impl Fixture {
    /// The event's ID.
    #[must_use]
    pub fn id(&self) -> &str {
        self.event.get("eventID").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A rule's name as that of its folder: lower case, with a dash for whatever is neither a letter nor a digit.
#[must_use]
pub fn slug(rule: &str) -> String {
    let words = rule.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    /// What every event has.
    event: Value,
    /// What an event has by who calls.
    identities: BTreeMap<String, Value>,
    /// For rules whose condition names a macro: each event that fires must not when it is laid over with this.
    #[serde(default)]
    silenced: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fires: Vec<Entry>,
    silent: Vec<Entry>,
}

/// An event as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    it: String,
    /// Who calls, an identity of the base.
    by: Option<String>,
    /// The event, laid over the base.
    event: Option<Value>,
    /// The event, laid over one of those that fire.
    but: Option<Value>,
    /// Which of them, counted from 1 as they are written.
    of: Option<usize>,
    /// Values for places, given as JSON pointers: the event is repeated for each value.
    #[serde(default)]
    each: BTreeMap<String, Vec<Value>>,
}

/// Reads the events of all rules from `folder`; the rules tell which events the base adds.
///
/// # Errors
/// When a file cannot be read or is not of the form that this module describes; the error names the file.
pub fn load(folder: &Path, set: &RuleSet) -> Result<Vec<Fixture>> {
    let base: Base = read(&folder.join(BASE))?;
    let conditions: HashMap<String, &str> =
        set.rules().iter().map(|rule| (slug(&rule.name), rule.condition.as_str())).collect();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let mut fixtures = Vec::new();
    for name in names {
        let path = folder.join(&name).join(EVENTS);
        let file: File = read(&path)?;
        let condition = conditions.get(&name).copied().unwrap_or_default();
        of_rule(&base, &name, condition, &file, &mut fixtures).with_context(|| path.display().to_string())?;
    }
    Ok(fixtures)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    yaml_serde::from_str(&text).with_context(|| path.display().to_string())
}

fn of_rule(base: &Base, slug: &str, condition: &str, file: &File, fixtures: &mut Vec<Fixture>) -> Result<()> {
    if file.fires.is_empty() || file.silent.is_empty() {
        bail!("a rule needs an event that fires it and one that does not");
    }
    let mut firing = Vec::new();
    let mut number = 0;
    let mut add = |it: String, fires: bool, mut event: Value| {
        number += 1;
        overlay(&mut event, &json!({"eventID": format!("{slug}:{number}")}));
        fixtures.push(Fixture { slug: slug.to_owned(), it, fires, event });
    };
    for (entry, fires) in file.fires.iter().map(|entry| (entry, true)).chain(file.silent.iter().map(|e| (e, false))) {
        let event = event(base, entry, &firing).with_context(|| format!("`{}`", entry.it))?;
        for event in repeated(event.clone(), &entry.each).with_context(|| format!("`{}`", entry.it))? {
            add(entry.it.clone(), fires, event);
        }
        if fires {
            firing.push(event);
        }
    }
    for (name, change) in base.silenced.iter().filter(|(name, _)| rules::names(condition, name)) {
        for mut event in firing.iter().cloned() {
            overlay(&mut event, change);
            add(format!("is silenced by {name}"), false, event);
        }
    }
    Ok(())
}

/// The event that an entry means, before it is repeated; `firing` are the rule's events that fire, as far as they are
/// known.
fn event(base: &Base, entry: &Entry, firing: &[Value]) -> Result<Value> {
    let identity = |name: &str| base.identities.get(name).with_context(|| format!("{BASE} has no identity {name}"));
    let mut event = base.event.clone();
    match (&entry.event, &entry.but) {
        (Some(_), None) if entry.of.is_some() => bail!("`of` belongs to `but`"),
        (Some(own), None) => {
            overlay(&mut event, identity(entry.by.as_deref().unwrap_or("user"))?);
            overlay(&mut event, own);
        }
        (None, change) => {
            let place = entry.of.unwrap_or(1);
            let known = place.checked_sub(1).and_then(|place| firing.get(place));
            event = known.with_context(|| format!("no event {place} before this one fires"))?.clone();
            if let Some(name) = &entry.by {
                for (member, value) in identity(name)?.as_object().into_iter().flatten() {
                    event[member.as_str()] = value.clone();
                }
            }
            overlay(&mut event, change.as_ref().unwrap_or(&Value::Object(Map::new())));
        }
        (Some(_), Some(_)) => bail!("it has both `event` and `but`"),
    }
    Ok(event)
}

/// The event once for every combination of values at the places of `each`.
fn repeated(event: Value, each: &BTreeMap<String, Vec<Value>>) -> Result<Vec<Value>> {
    let mut events = vec![event];
    for (place, values) in each {
        if values.is_empty() {
            bail!("`each`: no value for {place}");
        }
        let mut more = Vec::new();
        for event in &events {
            for value in values {
                let mut event = event.clone();
                *event.pointer_mut(place).with_context(|| format!("`each`: there is nothing at {place}"))? =
                    value.clone();
                more.push(event);
            }
        }
        events = more;
    }
    Ok(events)
}

/// Lays one value over another as RFC 7396 (JSON Merge Patch) says: members are merged, `null` removes.
fn overlay(below: &mut Value, above: &Value) {
    let Value::Object(changes) = above else {
        *below = above.clone();
        return;
    };
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    let Value::Object(members) = below else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            overlay(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"
fires:
- it: deletes
  by: root
  event: {eventName: Delete, requestParameters: {a: 1, b: {c: 2}}}
- it: puts
  each: {/eventName: [Put, Set]}
  event: {eventName: X}
silent:
- it: is denied
  but: {errorCode: AccessDenied, requestParameters: {a: null}}
- it: is the user's
  by: user
- it: is something else
  of: 2
  but: {eventName: Get}
"#;

    fn all(text: &str) -> Result<Vec<Fixture>> {
        let base = "{event: {v: 1, requestParameters: null}, silenced: {at_home: {home: 1}},
            identities: {user: {who: {name: u}}, root: {who: {root: 1}}}}";
        let mut fixtures = Vec::new();
        let condition = "x = 1 and not at_home";
        of_rule(&yaml_serde::from_str(base)?, "rule", condition, &yaml_serde::from_str(text)?, &mut fixtures)?;
        Ok(fixtures)
    }

    #[test]
    fn events_are_laid_over_the_base_and_over_each_other() {
        let events: Vec<_> = all(RULE).unwrap().into_iter().map(|fixture| (fixture.fires, fixture.event)).collect();
        let (root, user) = (json!({"root": 1}), json!({"name": "u"}));
        let parameters = json!({"a": 1, "b": {"c": 2}});
        assert_eq!(
            events,
            [
                (
                    true,
                    json!({"v":1,"who":root,"eventName":"Delete","requestParameters":parameters,"eventID":"rule:1"})
                ),
                (true, json!({"v":1,"who":user,"eventName":"Put","requestParameters":null,"eventID":"rule:2"})),
                (true, json!({"v":1,"who":user,"eventName":"Set","requestParameters":null,"eventID":"rule:3"})),
                (
                    false,
                    json!({"v":1,"who":root,"eventName":"Delete","errorCode":"AccessDenied","eventID":"rule:4",
                        "requestParameters":{"b":{"c":2}}})
                ),
                (
                    false,
                    json!({"v":1,"who":user,"eventName":"Delete","requestParameters":parameters,"eventID":"rule:5"})
                ),
                (false, json!({"v":1,"who":user,"eventName":"Get","requestParameters":null,"eventID":"rule:6"})),
                (
                    false,
                    json!({"v":1,"who":root,"eventName":"Delete","requestParameters":parameters,"home":1,
                        "eventID":"rule:7"})
                ),
                (false, json!({"v":1,"who":user,"eventName":"X","requestParameters":null,"home":1,"eventID":"rule:8"})),
            ]
        );
    }

    #[test]
    fn a_rule_needs_both_kinds_and_known_names() {
        for (from, to, reason) in [
            (RULE, "fires: []\nsilent: []", "needs an event"),
            ("by: root", "by: nobody", "no identity nobody"),
            ("of: 2", "of: 9", "no event 9"),
            ("/eventName:", "/other:", "nothing at /other"),
            ("[Put, Set]", "[]", "no value for /eventName"),
            ("event: {eventName: X}", "event: {eventName: X}\n  of: 1", "`of` belongs to `but`"),
            ("it: puts", "is: puts", "is"),
        ] {
            let error = format!("{:#}", all(&RULE.replace(from, to)).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_slug_has_only_letters_digits_and_dashes() {
        assert_eq!(slug("Run Instances in Non-approved  Region (EC2)"), "run-instances-in-non-approved-region-ec2");
    }
}
