//! What was measured, by name: the cases of this bench, and what criterion wrote for `decode` and `extract`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::{Case, Run, Work};

/// The name of the peak memory of all runs, as a figure without a time.
pub const LARGEST: &str = "largest";

/// The name of the time until a case's first byte of output.
pub fn first(case: &str) -> String {
    format!("{case}: first")
}

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The median.
    pub seconds: f64,
    /// How far it is from the fastest run to the slowest, in seconds; of criterion's, the width of the interval that
    /// holds the median at a confidence of 95 %.
    pub range: f64,
    pub work: Work,
    /// The largest of all runs: a limit on memory has no median.
    pub peak_bytes: Option<u64>,
}

/// All figures.
pub struct Measured {
    cases: HashMap<String, Figure>,
    criterion: PathBuf,
}

impl Measured {
    /// Takes the runs of `cases`, and criterion's figures from its folder when they are asked for.
    pub fn new(cases: &[Case], criterion: &Path) -> Self {
        let mut figures = HashMap::new();
        for case in cases {
            figures.insert(case.name.clone(), figure(case, |run| run.wall));
            figures.insert(first(&case.name), figure(case, |run| run.first));
        }
        let engines = cases.iter().filter(|case| case.is_engine);
        let largest = engines.max_by_key(|case| figures.get(&case.name).and_then(|figure| figure.peak_bytes));
        if let Some(largest) = largest.and_then(|case| figures.get(&case.name).copied()) {
            figures.insert(LARGEST.into(), largest);
        }
        Self { cases: figures, criterion: criterion.to_owned() }
    }

    /// Finds a figure: a case's, or criterion's when the name is `GROUP/BENCH`. `None` when the case was not run.
    pub fn find(&self, name: &str) -> Result<Option<Figure>> {
        if let Some(figure) = self.cases.get(name) {
            return Ok(Some(*figure));
        }
        let folder = self.criterion.join(name).join("new");
        if !name.contains('/') {
            return Ok(None);
        }
        let read = |file: &str| -> Result<Value> {
            let file = folder.join(file);
            let text = fs::read_to_string(&file).with_context(|| format!("no {}: run make bench", file.display()))?;
            Ok(serde_json::from_str(&text)?)
        };
        let (estimates, benchmark) = (read("estimates.json")?, read("benchmark.json")?);
        let nanos = |pointer: &str| estimates.pointer(pointer).and_then(Value::as_f64);
        let bytes = benchmark.pointer("/throughput/Bytes").and_then(Value::as_u64);
        let bounds = nanos("/median/confidence_interval/lower_bound")
            .zip(nanos("/median/confidence_interval/upper_bound"))
            .context("criterion's estimates have no interval")?;
        Ok(Some(Figure {
            seconds: nanos("/median/point_estimate").context("criterion's estimates have no median")? / 1e9,
            range: (bounds.1 - bounds.0) / 1e9,
            work: Work { events: 1, bytes: bytes.with_context(|| format!("{name} has no throughput"))? },
            peak_bytes: None,
        }))
    }
}

fn figure(case: &Case, seconds: impl Fn(&Run) -> f64) -> Figure {
    let mut sorted: Vec<f64> = case.runs.iter().map(seconds).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    Figure {
        seconds: at(sorted.len() / 2),
        range: at(sorted.len().saturating_sub(1)) - at(0),
        work: case.work,
        peak_bytes: case.runs.iter().map(|run| run.peak_bytes).max(),
    }
}
