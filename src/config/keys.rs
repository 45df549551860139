//! The keys of the configuration as a flat table, read from the schema: for the check, the README and the tests.
//!
//! Which keys there are is left to the settings.

use std::fmt;
use std::sync::LazyLock;

use serde_json::Value;

use super::settings::UserConfig;

/// One key: its place, what it takes, and what it means.
pub(super) struct Key {
    /// Dotted place from the root, such as `aws.region`.
    pub path: String,
    pub kind: Kind,
    pub default: Value,
    pub description: String,
    /// Whether the value must not be shown.
    pub secret: bool,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Section,
    Boolean,
    /// An integer within these bounds, both included.
    Integer(u64, u64),
    Text,
    /// Text that often is all digits, which Falco turns into a number.
    Digits,
    /// Several such texts, as a list or with commas between.
    Texts,
}

impl Key {
    /// Returns the last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section => f.write_str("section of keys"),
            Self::Boolean => f.write_str("true or false"),
            Self::Integer(min, max) => write!(f, "integer from {min} to {max}"),
            Self::Text | Self::Digits => f.write_str("text"),
            Self::Texts => f.write_str("text or list of texts"),
        }
    }
}

/// Returns every key, a section before the keys in it, in the order of the schema.
pub(super) fn keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let schema = schemars::schema_for!(UserConfig).to_value();
        let mut keys = Vec::new();
        collect(&schema, "", &mut keys);
        keys
    });
    &KEYS
}

fn collect(schema: &Value, prefix: &str, keys: &mut Vec<Key>) {
    for (name, key) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let inner = format!("{path}.");
        let description = key["description"].as_str().unwrap_or_default();
        keys.push(Key {
            path,
            kind: kind(key),
            default: key["default"].clone(),
            description: description.split_whitespace().collect::<Vec<_>>().join(" "),
            secret: key["writeOnly"] == true,
        });
        collect(key, &inner, keys);
    }
}

fn kind(key: &Value) -> Kind {
    let types: Vec<&str> = key["type"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let bound = |name: &str, unbounded| key[name].as_u64().unwrap_or(unbounded);
    match types.first() {
        Some(&"boolean") => Kind::Boolean,
        Some(&"integer") => Kind::Integer(bound("minimum", 0), bound("maximum", u64::MAX)),
        Some(&"string") if types.contains(&"array") => Kind::Texts,
        Some(&"string") if types.contains(&"number") => Kind::Digits,
        Some(&"string") => Kind::Text,
        _ => Kind::Section,
    }
}

/// Returns the configuration as a Markdown table, one row per key: key, type, default, what it does.
pub fn readme_table() -> String {
    let mut table = String::from("| key | type | default | what it does |\n|---|---|---|---|\n");
    for key in keys().iter().filter(|key| key.kind != Kind::Section) {
        let Key { path, kind, default, description, .. } = key;
        table.push_str(&format!("| `{path}` | {kind} | `{default}` | {description} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_kind_a_default_and_a_description() {
        for key in keys() {
            assert!(!key.default.is_null(), "{}", key.path);
            assert!(key.description.ends_with('.'), "{}: {}", key.path, key.description);
            assert!(!key.description.contains('|'), "{}", key.path);
            let is_section = ["aws", "limits", "lookup"].contains(&key.path.as_str());
            assert_eq!(key.kind == Kind::Section, is_section, "{}", key.path);
        }
    }

    #[test]
    fn the_table_has_the_keys_of_the_go_plugin_with_its_defaults() {
        let table = readme_table();
        for row in [
            "| `sqsDelete` | true or false | `true` |",
            "| `s3DownloadConcurrency` | integer from 1 to 65536 | `32` |",
            "| `s3Interval` | text | `\"\"` |",
            "| `useS3SNS` | true or false | `false` |",
            "| `s3AccountList` | text or list of texts | `\"\"` |",
            "| `sqsOwnerAccount` | text | `\"\"` |",
            "| `aws.profile` | text | `\"\"` |",
            "| `aws.region` | text | `\"\"` |",
            "| `aws.config` | text | `\"\"` |",
            "| `aws.credentials` | text | `\"\"` |",
            "| `useAsync` | true or false | `true` |",
            "| `limits.inFlightMiB` | integer from 8 to 65536 | `64` |",
        ] {
            assert!(table.contains(row), "{row} is not in\n{table}");
        }
    }
}
