//! What was measured, as tables for a terminal.

use std::fmt::Write as _;

use super::Coverage;
use crate::rules::{Priority, Rule};

/// How many of the noisiest rules are listed.
const NOISIEST: usize = 20;

/// The report. `untested` names the rules that fired in no test either, when tests are known.
#[must_use]
pub fn report(coverage: &Coverage, rules: &[&Rule], untested: Option<&[String]>) -> String {
    let mut text = format!(
        "{} events, {} of them labelled as attacks, {} rules\n",
        coverage.events,
        coverage.attacks,
        rules.len()
    );
    techniques(coverage, rules, &mut text);
    noise(coverage, rules, &mut text);
    if let Some(untested) = untested {
        let _ =
            writeln!(text, "\nRules that never fired, neither here nor in any test: {}", count_or_none(untested.len()));
        for rule in untested {
            let _ = writeln!(text, "  {rule}");
        }
    }
    text
}

fn techniques(coverage: &Coverage, rules: &[&Rule], text: &mut String) {
    if coverage.techniques.is_empty() {
        text.push_str("\nNo event is labelled as an attack: a file labels.jsonl among the logs would say which are.\n");
        return;
    }
    let caught = coverage.techniques.values().filter(|technique| technique.is_caught()).count();
    let _ = writeln!(text, "\nTechniques caught at Warning or above: {caught} of {}", coverage.techniques.len());
    let width = coverage.techniques.keys().map(String::len).max().unwrap_or_default();
    let _ = writeln!(text, "  {:width$}  events  caught  rules", "technique");
    for (name, technique) in &coverage.techniques {
        let mark = if technique.is_caught() { "" } else { "  NOT CAUGHT" };
        let _ = writeln!(text, "  {name:width$}  {:6}  {:6}{mark}", technique.events, technique.caught);
        for (place, count) in &technique.rules {
            let rule = rules[*place];
            let _ = writeln!(text, "  {:width$}  {count:6}          {} ({})", "", rule.name, rule.priority);
        }
    }
}

fn noise(coverage: &Coverage, rules: &[&Rule], text: &mut String) {
    let benign = coverage.benign();
    let _ = writeln!(text, "\nAlerts on the {benign} benign events, by the most urgent rule that matches an event");
    let _ = writeln!(text, "  {:13}  events  per 1,000  as urgent or more", "priority");
    for priority in Priority::ALL {
        let count = coverage.loudest.get(&priority).copied().unwrap_or_default();
        let above = coverage.benign_at(priority);
        if count > 0 {
            let _ = writeln!(
                text,
                "  {:13}  {count:6}  {:9.1}  {above:6} ({:.2} %)",
                priority.to_string(),
                coverage.per_thousand(count),
                coverage.per_thousand(above) / 10.0
            );
        }
    }
    let noisy = coverage.noisiest();
    let _ =
        writeln!(text, "\nThe noisiest rules: benign events that they match, and those that no rule before them does");
    for (place, noise) in noisy.iter().take(NOISIEST) {
        let rule = rules[*place];
        let _ = writeln!(text, "  {:6}  {:6}  {} ({})", noise.matched, noise.first, rule.name, rule.priority);
    }
    if noisy.len() > NOISIEST {
        let rest: u64 = noisy[NOISIEST..].iter().map(|(_, noise)| noise.matched).sum();
        let _ = writeln!(text, "  {rest:6}          {} more rules", noisy.len() - NOISIEST);
    }
}

fn count_or_none(count: usize) -> String {
    if count == 0 { "none".to_owned() } else { count.to_string() }
}
