//! What a rule pack does on real logs: which attacks it catches, how noisy it is where there is none, and which rules
//! never had anything to do. Here it is measured; [`text`], [`page`] and [`layer`] show it.

pub mod layer;
pub mod page;
pub mod text;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::evaluate::{self, Input};
use crate::host::Plugin;
use crate::rules::{Priority, Rule, RuleSet};

/// The files, anywhere in a folder of logs, that may say which events carry an attack: one [`Label`] a line.
const LABELS: [&str; 2] = ["labels.jsonl", "labels.jsonl.gz"];

/// What is known of an event: `{"eventID": "…", "technique": "…", "attack": true}`. Events without a label, or whose
/// `attack` is not true, are benign.
#[derive(Debug, Deserialize)]
struct Label {
    #[serde(rename = "eventID")]
    event: String,
    technique: Option<String>,
    #[serde(default)]
    attack: bool,
}

/// What the rules did on a folder of logs.
#[derive(Debug, Default)]
pub struct Coverage {
    /// How many events there were.
    pub events: u64,
    /// How many of them carry an attack.
    pub attacks: u64,
    /// By technique, as the labels call it, what became of its attacks.
    pub techniques: BTreeMap<String, Technique>,
    /// What the rules said of benign events: by place in the rules, how many events a rule matched, and of how many it
    /// was the first to match.
    pub noise: BTreeMap<usize, Noise>,
    /// How many benign events raise something, by the priority of the most urgent rule that matches.
    pub loudest: BTreeMap<Priority, u64>,
    /// The places of the rules that matched any event, benign or not.
    pub fired: BTreeSet<usize>,
}

/// The attacks of one technique.
#[derive(Debug, Default)]
pub struct Technique {
    /// How many events carry it.
    pub events: u64,
    /// How many of them a rule of WARNING or above matches.
    pub caught: u64,
    /// The places of the rules that match, and how many events each.
    pub rules: BTreeMap<usize, u64>,
}

impl Technique {
    /// Whether any of its events is caught.
    #[must_use]
    pub fn is_caught(&self) -> bool {
        self.caught > 0
    }
}

/// How often a rule matches benign events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    /// The events that it matches.
    pub matched: u64,
    /// Those of them that no rule before it matches: the alerts that Falco raises by default.
    pub first: u64,
}

impl Coverage {
    /// How many events carry no attack.
    #[must_use]
    pub fn benign(&self) -> u64 {
        self.events - self.attacks
    }

    /// How many benign events raise something at least as urgent as `priority`.
    #[must_use]
    pub fn benign_at(&self, priority: Priority) -> u64 {
        self.loudest.range(..=priority).map(|(_, count)| count).sum()
    }

    /// The rules that match benign events, by place, the noisiest first.
    #[must_use]
    pub fn noisiest(&self) -> Vec<(usize, Noise)> {
        let mut noisy: Vec<_> = self.noise.iter().map(|(place, noise)| (*place, *noise)).collect();
        noisy.sort_by_key(|(place, noise)| (Reverse(noise.matched), *place));
        noisy
    }

    /// A number of benign events in thousandths of all.
    #[must_use]
    pub fn per_thousand(&self, count: u64) -> f64 {
        count as f64 * 1000.0 / self.benign().max(1) as f64
    }
}

/// Is told how many events are done, and how many there are.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Runs the enabled rules over the logs at `logs`; `progress` is told how many events are done, of how many.
///
/// # Errors
/// When the engine rejects a rule, or the logs or the labels beside them cannot be read.
pub fn measure(set: &RuleSet, plugins: &[Plugin], logs: &Path, progress: Progress<'_>) -> Result<Coverage> {
    let labels = labels_in(logs)?;
    let filters = set.filters()?;
    let rules: Vec<&Rule> = filters.iter().map(|(rule, _)| *rule).collect();
    let filters: Vec<String> = filters.into_iter().map(|(_, filter)| filter).collect();
    let params = logs.to_str().context("the path of the logs is not Unicode")?;
    let input = Input { plugins, params, with_fields: false };
    // How many events there are, and with labels also which.
    let every: &[String] = if labels.is_empty() { &[] } else { &["evt.num > 0".to_owned()] };
    let all = evaluate::follow(every, input, &mut |_| {})?;
    let there: HashSet<&str> = all.matches.iter().map(|found| found.id.as_str()).collect();
    let seen = evaluate::follow(&filters, input, &mut |done| progress(done, all.events))?;
    let mut by_event: BTreeMap<u64, (&str, Vec<usize>)> = BTreeMap::new();
    for found in &seen.matches {
        by_event.entry(found.event).or_insert((&found.id, Vec::new())).1.push(found.filter);
    }
    let by_id: HashMap<&str, &[usize]> = by_event.values().map(|(id, places)| (*id, places.as_slice())).collect();
    let mut coverage = Coverage { events: seen.events, ..Coverage::default() };
    for label in labels.values().filter(|label| label.attack && there.contains(label.event.as_str())) {
        coverage.attacks += 1;
        let name = label.technique.clone().unwrap_or_else(|| "not named".to_owned());
        let technique = coverage.techniques.entry(name).or_default();
        technique.events += 1;
        let matched = by_id.get(label.event.as_str()).copied().unwrap_or_default();
        technique.caught += u64::from(matched.iter().any(|place| rules[*place].priority <= Priority::Warning));
        for place in matched {
            *technique.rules.entry(*place).or_default() += 1;
        }
    }
    for (id, places) in by_event.values() {
        coverage.fired.extend(places);
        if labels.get(*id).is_some_and(|label| label.attack) {
            continue;
        }
        for (rank, place) in places.iter().enumerate() {
            let noise = coverage.noise.entry(*place).or_default();
            noise.matched += 1;
            noise.first += u64::from(rank == 0);
        }
        if let Some(loudest) = places.iter().map(|place| rules[*place].priority).min() {
            *coverage.loudest.entry(loudest).or_default() += 1;
        }
    }
    Ok(coverage)
}

#[allow(clippy::disallowed_types, reason = "the labels are the reader's own file")]
type Gunzip = flate2::read::GzDecoder<File>;

/// Reads all labels in a folder of logs, by event ID.
fn labels_in(logs: &Path) -> Result<HashMap<String, Label>> {
    let mut labels = HashMap::new();
    if logs.is_dir() {
        for entry in fs::read_dir(logs).with_context(|| format!("cannot read {}", logs.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                labels.extend(labels_in(&entry.path())?);
            } else if entry.file_name().to_str().is_some_and(|name| LABELS.contains(&name)) {
                read_labels(&entry.path(), &mut labels)?;
            }
        }
    }
    Ok(labels)
}

fn read_labels(path: &Path, labels: &mut HashMap<String, Label>) -> Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_gzip = path.extension().is_some_and(|end| end == "gz");
    let text: Box<dyn Read> = if is_gzip { Box::new(Gunzip::new(file)) } else { Box::new(file) };
    for (number, line) in BufReader::new(text).lines().enumerate() {
        let place = || format!("{}, line {}", path.display(), number + 1);
        let line = line.with_context(place)?;
        if line.trim().is_empty() {
            continue;
        }
        let label: Label = serde_json::from_str(&line).with_context(place)?;
        labels.insert(label.event.clone(), label);
    }
    Ok(())
}

/// Writes a file, and the folder that it is in.
///
/// # Errors
/// When it cannot be written; the error names it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
