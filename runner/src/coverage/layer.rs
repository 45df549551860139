//! The rules' tags as a layer of MITRE's ATT&CK Navigator, which shows the matrix of techniques with those coloured
//! that rules look for. Format: version 4.5 of the layer file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::attack;
use crate::rules::Rule;

/// The layer of the enabled rules, as JSON text: a technique's score is the number of rules that look for it, its
/// comment names them.
#[must_use]
pub fn layer(name: &str, rules: &[&Rule]) -> String {
    let mut by_place: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for rule in rules {
        for technique in attack::techniques(&rule.tags).filter_map(attack::technique) {
            for tactic in attack::places(technique, &rule.tags) {
                by_place.entry((technique.0, tactic)).or_default().push(&rule.name);
            }
        }
    }
    let most = by_place.values().map(Vec::len).max().unwrap_or_default();
    let techniques: Vec<Value> = by_place
        .iter()
        .map(|((technique, tactic), rules)| {
            json!({
                "techniqueID": technique,
                "tactic": tactic.replace('_', "-"),
                "score": rules.len(),
                "comment": rules.join(", "),
                "enabled": true,
                "showSubtechniques": true,
            })
        })
        .collect();
    let layer = json!({
        "name": name,
        "versions": {"attack": "17", "navigator": "5.1.0", "layer": "4.5"},
        "domain": "enterprise-attack",
        "description": "The techniques that the rules' tags name; the score is the number of rules.",
        "sorting": 0,
        "hideDisabled": false,
        "techniques": techniques,
        "gradient": {"colors": ["#d6e9f8", "#1f6fb2"], "minValue": 1, "maxValue": most},
    });
    let mut text = serde_json::to_string_pretty(&layer).unwrap_or_default();
    text.push('\n');
    text
}
