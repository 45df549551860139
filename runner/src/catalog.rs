//! The list of rules that people read: name, priority, tags, what it detects, what tunes it. It is made from the rules,
//! so that it says what they say.

use std::fmt::Write as _;

use crate::attack;
use crate::rules::{Rule, RuleSet};

/// The tag of a rule's service begins so.
const SERVICE: &str = "aws_";

/// A Markdown table of the rules that `set` defines, in their order, for which `is_listed` holds.
#[must_use]
pub fn table(set: &RuleSet, is_listed: impl Fn(&Rule) -> bool) -> String {
    let mut table = "| rule | priority | tags | detects | tune |\n|---|---|---|---|---|\n".to_owned();
    for rule in set.rules().iter().filter(|rule| is_listed(rule)) {
        let (services, others): (Vec<&str>, Vec<&str>) =
            rule.tags.iter().map(String::as_str).partition(|tag| tag.starts_with(SERVICE));
        let techniques = attack::techniques(&rule.tags);
        let tactics = others.into_iter().filter(|tag| tag.starts_with("mitre_"));
        let tags: Vec<_> = services.into_iter().chain(tactics).chain(techniques).collect();
        let off = if rule.enabled { "" } else { ", off" };
        let lists: Vec<_> = set.lists_of(rule).into_iter().map(|list| format!("`{list}`")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "| {} | {}{off} | {} | {} | {} |",
            cell(&rule.name),
            rule.priority,
            tags.join(" "),
            cell(&rule.desc),
            lists.join(" ")
        );
    }
    table
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
