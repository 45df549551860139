//! What filters and rules ask in great number: conditions on different members of events, since this engine makes a
//! field's value once a filter, however many conditions name it.

use std::collections::HashSet;
use std::fmt::Write;

use anyhow::{Context, Result};
use cloudtrail::fields::Get;
use cloudtrail::fields::table::FIELDS;
use runner::rules;
use serde_json::Value;

use crate::events::Events;

/// How many generated events are looked at for what members events have.
const SAMPLE: usize = 2_000;

/// A member of events: how the plugin's field for it is written, and its JSON pointer.
pub struct Member {
    pub field: String,
    pub pointer: String,
}

/// Finds different fields of the plugin: those with a name of their own, those of the other members that generated
/// events have, and those inside of requests and responses.
pub fn members() -> Result<Vec<Member>> {
    let named = FIELDS.iter().filter_map(|field| match field.get {
        Get::Path(path) => Some(Member { field: field.name.into(), pointer: format!("/{}", path.join("/")) }),
        _ => None,
    });
    let mut members: Vec<Member> = named.collect();
    let mut pointers = members.iter().map(|member| member.pointer.clone()).collect::<HashSet<_>>();
    let (mut events, mut text) = (Events::new(u64::MAX), String::new());
    let mut inside = Vec::new();
    for _ in 0..SAMPLE {
        text.clear();
        events.append_to(&mut text);
        walk(&serde_json::from_str(&text)?, String::new(), &mut |pointer| {
            if !pointers.insert(pointer.to_owned()) {
                return;
            }
            for (field, parent) in [("ct.request", "/requestParameters"), ("ct.response", "/responseElements")] {
                if let Some(rest) = pointer.strip_prefix(parent).filter(|rest| !rest.is_empty()) {
                    inside.push(Member { field: format!("{field}[{rest}]"), pointer: pointer.into() });
                }
            }
            members.push(Member { field: format!("ct.value[{pointer}]"), pointer: pointer.into() });
        });
    }
    members.append(&mut inside);
    Ok(members)
}

/// Visits the pointers of all members and items below a value, but those that a filter would have to quote.
fn walk(value: &Value, pointer: String, visit: &mut impl FnMut(&str)) {
    let mut child = |name: &str, value: &Value| {
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            let pointer = format!("{pointer}/{name}");
            visit(&pointer);
            walk(value, pointer, visit);
        }
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| child(name, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| child(&i.to_string(), item)),
        _ => {}
    }
}

/// Makes a filter of conditions none of which holds, so that every one is asked.
pub fn filter(fields: impl Iterator<Item = String>) -> String {
    fields.enumerate().map(|(i, field)| format!("{field}=no{i}")).collect::<Vec<_>>().join(" or ")
}

/// The rule pack that is shipped.
pub const PACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/aws_cloudtrail_rules.yaml");

/// Makes a chisel, a script of the host, that asks every enabled rule of the pack of every event but those that an
/// earlier one matches, and prints nothing: too long for an argument. Returns it with the number of rules.
pub fn pack() -> Result<(String, usize)> {
    let set = rules::load(&[PACK])?;
    let filters: Vec<String> = set.filters()?.into_iter().map(|(_, filter)| format!("({filter})")).collect();
    let filter = format!("({}) and evt.num<0", filters.join(" or ")).replace(['\n', '\r'], " ");
    let script = format!(
        "description = '' short_description = '' category = '' args = {{}}\n\
         function on_init() chisel.set_filter([==[{filter}]==]) return true end\n\
         function on_event() return true end\n"
    );
    Ok((script, filters.len()))
}

/// Makes a rule file: rules with these conditions.
pub fn rule_file(conditions: impl Iterator<Item = String>) -> Result<String> {
    let mut file = String::new();
    for (i, condition) in conditions.enumerate() {
        write!(
            file,
            "- rule: rule {i}\n  desc: one of many\n  condition: {condition}\n  output: found\n  priority: INFO\n  \
             source: aws_cloudtrail\n"
        )
        .context("cannot write rules")?;
    }
    Ok(file)
}
