//! Falco rule files: what they define, and the one filter that each rule comes to once lists, macros and exceptions
//! are resolved. Whether a filter is right, only the engine says.

mod condition;
mod entry;
mod exception;
mod mutants;
mod set;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Deserializer, de};

pub use condition::names;
pub use entry::{PluginVersion, Requirement};
pub use exception::Exception;
pub use mutants::Mutant;
pub use set::{BrokenMacro, RuleSet};

/// The event source whose rules are evaluated.
pub const SOURCE: &str = "aws_cloudtrail";

/// One rule, with its condition as written.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The name under `rule:`.
    pub name: String,
    /// What the rule is about.
    pub desc: String,
    /// The condition as written, before lists, macros and exceptions.
    pub condition: String,
    /// The output's format, without surrounding blanks.
    pub output: String,
    /// How urgent an alert is.
    pub priority: Priority,
    /// The event source, `syscall` when the file names none.
    pub source: String,
    /// Tags, sorted, each once.
    pub tags: Vec<String>,
    /// Whether the rule is evaluated.
    pub enabled: bool,
    /// Exceptions, each of which narrows the condition.
    pub exceptions: Vec<Exception>,
}

/// How urgent an alert is, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// The system is unusable.
    Emergency,
    /// Act at once.
    Alert,
    /// Critical.
    Critical,
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// Worth knowing.
    Notice,
    /// For information.
    Informational,
    /// For debugging.
    Debug,
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// Reads a priority in any letter case; `info` is short for `informational`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = if text.eq_ignore_ascii_case("info") { "informational" } else { text };
        Self::ALL.into_iter().find(|priority| priority.to_string().eq_ignore_ascii_case(text))
    }
}

/// As Falco prints it in alerts: `Critical`.
impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is not a priority")))
    }
}

/// Reads rule files in this order; later ones may redefine, append to and override what earlier ones define.
///
/// # Errors
/// When a file cannot be read or an entry is not one that Falco would take; the error names file, kind and name.
pub fn load(files: &[impl AsRef<Path>]) -> Result<RuleSet> {
    let mut set = RuleSet::default();
    for file in files {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        set.add(&text).with_context(|| format!("rule file {}", file.display()))?;
    }
    if set.rules().is_empty() {
        bail!("the rule files define no rule");
    }
    Ok(set)
}
