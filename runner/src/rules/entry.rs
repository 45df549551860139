//! The entries of a rule file as YAML spells them. Keys that Falco ignores with a warning are kept aside; what the
//! entries mean together is left to the rule set.

use anyhow::{Context, Result, bail};
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, Visitor};
use serde::{Deserialize, de};
use std::collections::BTreeMap;
use yaml_serde::{Mapping, Value};

use super::Priority;

/// One entry of a rule file.
#[derive(Debug)]
pub(super) enum Entry {
    /// The engine that the file needs; only Falco numbers its engine, so that nothing compares it here.
    EngineVersion,
    /// The plugins that the file needs.
    PluginVersions(Vec<Requirement>),
    List(ListEntry),
    Macro(MacroEntry),
    Rule(Box<RuleEntry>),
    /// None of these; its keys.
    Unknown(String),
}

/// A plugin that a rule file needs, or one of its alternatives.
#[derive(Clone, Debug, Deserialize)]
pub struct Requirement {
    /// The plugin that the file names first.
    #[serde(flatten)]
    pub plugin: PluginVersion,
    /// Plugins of which any one serves as well.
    #[serde(default)]
    pub alternatives: Vec<PluginVersion>,
}

/// A plugin and the lowest version that serves.
#[derive(Clone, Debug, Deserialize)]
pub struct PluginVersion {
    /// The plugin's name.
    pub name: String,
    /// The lowest version that serves; the major number must be equal.
    pub version: Scalar,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListEntry {
    #[serde(rename = "list")]
    pub name: String,
    pub items: Vec<Scalar>,
    #[serde(default)]
    pub append: Flag,
    #[serde(default, rename = "override")]
    pub overrides: Override,
    #[serde(flatten)]
    pub others: Others,
}

#[derive(Debug, Deserialize)]
pub(super) struct MacroEntry {
    #[serde(rename = "macro")]
    pub name: String,
    pub condition: String,
    #[serde(default)]
    pub append: Flag,
    #[serde(default, rename = "override")]
    pub overrides: Override,
    #[serde(flatten)]
    pub others: Others,
}

#[derive(Debug, Deserialize)]
pub(super) struct RuleEntry {
    #[serde(rename = "rule")]
    pub name: String,
    pub desc: Option<String>,
    pub condition: Option<String>,
    pub output: Option<String>,
    pub priority: Option<Priority>,
    pub source: Option<String>,
    pub tags: Option<Vec<Scalar>>,
    pub enabled: Option<Flag>,
    pub exceptions: Option<Vec<ExceptionEntry>>,
    #[serde(default)]
    pub append: Flag,
    #[serde(default, rename = "override")]
    pub overrides: Override,
    #[serde(flatten)]
    pub others: Others,
}

/// Keys of a rule that Falco knows and that change no verdict here. What `skip-if-unknown-filter` lets pass in Falco, a
/// field that no plugin has, is always an error of the engine here.
pub(super) const WITHOUT_VERDICT: [&str; 4] =
    ["capture", "capture_duration", "skip-if-unknown-filter", "warn_evttypes"];

/// All other keys of an entry.
pub(super) type Others = BTreeMap<String, IgnoredAny>;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionEntry {
    pub name: String,
    pub fields: Option<OneOrMany>,
    pub comps: Option<OneOrMany>,
    #[serde(default)]
    pub values: Vec<Nested>,
}

/// Which keys of an entry add to, and which replace, those of an earlier entry of the same name.
pub(super) type Override = BTreeMap<String, Mode>;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Append,
    Replace,
}

/// One field or comparison, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A value, or a list of values, as exceptions nest them.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(super) enum Nested {
    One(Scalar),
    Many(Vec<Nested>),
}

/// A yes or no, in any of the spellings that Falco's YAML library takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar(text) = Scalar::deserialize(deserializer)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(Self(true)),
            "false" | "no" | "off" | "n" => Ok(Self(false)),
            _ => Err(de::Error::custom(format!("`{text}` is neither true nor false"))),
        }
    }
}

/// A scalar as the text that stands in the file: Falco takes numbers and words alike as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Scalar;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("text or a whole number")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
                Err(E::custom(format!("put {number} in quotes: its digits may be lost as a number")))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Reads the entries of a rule file, of all its YAML documents.
pub(super) fn read(text: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for document in yaml_serde::Deserializer::from_str(text) {
        match Value::deserialize(document).context("not valid YAML")? {
            Value::Null => {}
            Value::Sequence(items) => {
                for (index, item) in items.into_iter().enumerate().filter(|(_, item)| !item.is_null()) {
                    entries.push(entry(item).with_context(|| format!("entry {}", index + 1))?);
                }
            }
            _ => bail!("a rule file is a list of entries, each starting with `- `"),
        }
    }
    Ok(entries)
}

/// Tells the kind of an entry by the keys that it has, in the order in which Falco looks for them.
fn entry(item: Value) -> Result<Entry> {
    let Value::Mapping(keys) = item else {
        bail!("an entry has keys, such as `rule:` or `list:`");
    };
    if let Some(version) = keys.get("required_engine_version") {
        engine_version(version)?;
        return Ok(Entry::EngineVersion);
    }
    if let Some(versions) = keys.get("required_plugin_versions") {
        return Ok(Entry::PluginVersions(
            yaml_serde::from_value(versions.clone()).context("required_plugin_versions")?,
        ));
    }
    if keys.contains_key("list") {
        return Ok(Entry::List(typed(keys, "list")?));
    }
    if keys.contains_key("macro") {
        return Ok(Entry::Macro(typed(keys, "macro")?));
    }
    if keys.contains_key("rule") {
        return Ok(Entry::Rule(Box::new(typed(keys, "rule")?)));
    }
    let names: Vec<_> = keys.keys().filter_map(Value::as_str).collect();
    Ok(Entry::Unknown(names.join(", ")))
}

fn typed<T: DeserializeOwned>(keys: Mapping, kind: &str) -> Result<T> {
    let name = keys.get(kind).and_then(Value::as_str).unwrap_or_default().to_owned();
    yaml_serde::from_value(Value::Mapping(keys)).with_context(|| format!("{kind} `{name}`"))
}

/// Checks that an engine version is a number or three numbers.
fn engine_version(version: &Value) -> Result<()> {
    let valid = match version {
        Value::Number(number) => number.is_u64(),
        Value::String(text) => numbers(text).is_some(),
        _ => false,
    };
    if !valid {
        bail!("required_engine_version is a number or has the form x.y.z");
    }
    Ok(())
}

/// The three numbers of a version `x.y.z`.
pub(super) fn numbers(version: &str) -> Option<[u64; 3]> {
    let parts: Vec<u64> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}
