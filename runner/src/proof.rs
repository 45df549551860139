//! Whether rules do what their events say, and whether the events would notice if a rule were broken. The engine gives
//! every verdict.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use crate::evaluate::{self, Input};
use crate::fixtures::{Fixture, slug};
use crate::host::Plugin;
use crate::rules::{Rule, RuleSet, SOURCE};

/// Which events a rule matched, by ID.
type Matched<'a> = HashMap<&'a str, BTreeSet<String>>;

/// Rules with their events.
#[derive(Debug)]
pub struct Proof<'a> {
    set: &'a RuleSet,
    fixtures: &'a [Fixture],
    plugins: &'a [Plugin],
    log: tempfile::NamedTempFile,
}

impl<'a> Proof<'a> {
    /// Takes the rules and the events that [`fixtures::load`](crate::fixtures::load) gives.
    ///
    /// # Errors
    /// When the events cannot be written to a file for the plugin.
    pub fn new(set: &'a RuleSet, fixtures: &'a [Fixture], plugins: &'a [Plugin]) -> Result<Self> {
        let mut log = tempfile::Builder::new().suffix(".json").tempfile().context("cannot make a temporary file")?;
        let events: Vec<_> = fixtures.iter().map(|fixture| &fixture.event).collect();
        log.write_all(json!({"Records": events}).to_string().as_bytes()).context("cannot write the events")?;
        Ok(Self { set, fixtures, plugins, log })
    }

    /// The file with all events, for a plugin to read.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.log.path()
    }

    /// Says what is wrong: a rule without events, events without a rule, an event that raises its rule's alert and must
    /// not, or must and does not.
    ///
    /// # Errors
    /// When the engine rejects a rule.
    pub fn faults(&self) -> Result<Vec<String>> {
        let rules: BTreeMap<String, &Rule> = self.rules().map(|rule| (slug(&rule.name), rule)).collect();
        let mut faults = Vec::new();
        for (slug, rule) in &rules {
            if !self.fixtures.iter().any(|fixture| fixture.slug == *slug) {
                faults.push(format!("rule `{}` has no events: write {slug}/events.yaml", rule.name));
            }
        }
        let matched = self.run(&self.set.all_filters()?)?;
        let mut unknown = BTreeSet::new();
        for fixture in self.fixtures {
            let Some(rule) = rules.get(&fixture.slug) else {
                unknown.insert(&fixture.slug);
                continue;
            };
            let fires = matched.get(rule.name.as_str()).is_some_and(|ids| ids.contains(fixture.id()));
            if fires != fixture.fires {
                let fault = if fires { "fires on" } else { "is silent on" };
                faults.push(format!("rule `{}` {fault} {} ({})", rule.name, fixture.id(), fixture.it));
            }
        }
        faults.extend(unknown.into_iter().map(|slug| format!("no rule has the name of the folder {slug}")));
        Ok(faults)
    }

    /// The names of the rules that fire on an event of theirs.
    ///
    /// # Errors
    /// When the engine rejects a rule.
    pub fn fired(&self) -> Result<BTreeSet<String>> {
        let matched = self.run(&self.set.all_filters()?)?;
        Ok(matched.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(name, _)| name.to_owned()).collect())
    }

    /// Breaks each rule and each macro in every way, and names what no event notices.
    ///
    /// # Errors
    /// When the engine rejects a broken rule.
    pub fn survivors(&self) -> Result<Vec<String>> {
        let mut survivors = Vec::new();
        let mutants = self.set.mutants()?;
        let filters: Vec<_> = mutants.iter().map(|(rule, _, filter)| (*rule, filter.clone())).collect();
        for (noticed, (rule, mutant, _)) in self.noticed(&filters)?.into_iter().zip(&mutants) {
            if !noticed {
                survivors.push(format!("rule `{}`, {}", rule.name, mutant.what));
            }
        }
        let mutants = self.set.macro_mutants()?;
        let filters: Vec<_> = mutants.iter().flat_map(|(_, _, changed)| changed.iter().cloned()).collect();
        let mut noticed = self.noticed(&filters)?.into_iter();
        for (name, mutant, changed) in &mutants {
            // Each of the rules is looked up, so that the next macro's come next.
            let count = noticed.by_ref().take(changed.len()).filter(|noticed| *noticed).count();
            if count == 0 {
                survivors.push(format!("macro `{name}`, {}", mutant.what));
            }
        }
        Ok(survivors)
    }

    fn rules(&self) -> impl Iterator<Item = &'a Rule> {
        self.set.rules().iter().filter(|rule| rule.source == SOURCE)
    }

    /// The events of its own that each rule matches.
    fn run(&self, filters: &[(&'a Rule, String)]) -> Result<Matched<'a>> {
        let mut matched: Matched<'_> = HashMap::new();
        for (ids, (rule, _)) in self.own_matches(filters)?.into_iter().zip(filters) {
            matched.insert(&rule.name, ids);
        }
        Ok(matched)
    }

    /// Whether a verdict on one of its rule's events differs from what the event says, for each filter.
    fn noticed(&self, filters: &[(&'a Rule, String)]) -> Result<Vec<bool>> {
        let mut firing: HashMap<&str, BTreeSet<String>> = HashMap::new();
        for fixture in self.fixtures.iter().filter(|fixture| fixture.fires) {
            firing.entry(&fixture.slug).or_default().insert(fixture.id().to_owned());
        }
        let matches = self.own_matches(filters)?;
        let is_noticed = |(ids, (rule, _)): (BTreeSet<String>, &(&Rule, String))| {
            // Without an event that fires, nothing is noticed.
            firing.get(slug(&rule.name).as_str()).is_some_and(|expected| *expected != ids)
        };
        Ok(matches.into_iter().zip(filters).map(is_noticed).collect())
    }

    /// The events that each filter matches, of those that its rule owns.
    fn own_matches(&self, filters: &[(&'a Rule, String)]) -> Result<Vec<BTreeSet<String>>> {
        let own =
            |(rule, filter): &(&Rule, String)| format!("ct.id startswith \"{}:\" and ({filter})", slug(&rule.name));
        let filters: Vec<String> = filters.iter().map(own).collect();
        let params = self.log.path().to_str().context("the temporary folder's path is not Unicode")?;
        let input = Input { plugins: self.plugins, params, with_fields: false };
        let mut matched = vec![BTreeSet::new(); filters.len()];
        for found in evaluate::matches(&filters, input)? {
            matched.get_mut(found.filter).context("the engine matched a filter that there is not")?.insert(found.id);
        }
        Ok(matched)
    }
}
