//! Who may know whom: every module under `src/` names only what lies below it.

use std::fs;
use std::path::{Path, PathBuf};

/// A module, the modules that it may name, and the crates that it may name of those in [`CRATES`].
pub type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Who may know whom; `docs/architecture.md` shows it.
pub const LAYERS: &[Row] = &[
    (
        "aws",
        &["printable"],
        &[
            "aws_config",
            "aws_sdk_account",
            "aws_sdk_cloudtrail",
            "aws_sdk_s3",
            "aws_sdk_sqs",
            "aws_sdk_sts",
            "aws_smithy_http_client",
            "serde_json",
            "std::env",
            "std::fs",
            "tokio",
        ],
    ),
    ("checkpoint", &[], &["serde_json", "std::fs", "std::thread"]),
    ("config", &[], &["jiff", "schemars", "serde_json"]),
    ("decode", &[], &["flate2", "jiff", "jsontext"]),
    ("feed", &["decode", "source"], &["std::thread"]),
    ("fields", &["printable"], &["extraction", "jiff", "jsontext", "log"]),
    ("metrics", &["aws", "decode", "feed", "source"], &["falco_plugin", "faults"]),
    (
        "plugin",
        &["aws", "config", "decode", "feed", "fields", "metrics", "printable", "source"],
        &["bumpalo", "extraction", "falco_plugin", "faults", "jiff", "jsontext", "log"],
    ),
    ("printable", &[], &[]),
    (
        "source",
        &["aws", "checkpoint", "decode", "printable"],
        &["jiff", "ring", "serde_json", "std::fs", "tokio", "walkdir"],
    ),
];

/// The crates, and parts of the standard library, that are some modules' concern and not the others'.
const CRATES: &[&str] = &[
    "aws_config",
    "aws_sdk_account",
    "aws_sdk_cloudtrail",
    "aws_sdk_s3",
    "aws_sdk_sqs",
    "aws_sdk_sts",
    "aws_smithy_http_client",
    "bumpalo",
    "extraction",
    "falco_plugin",
    "faults",
    "flate2",
    "jiff",
    "jsontext",
    "log",
    "ring",
    "schemars",
    "serde_json",
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "std::thread",
    "tokio",
    "walkdir",
];

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns a file's code without comments and without the unit tests at its end, which may use anything.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Returns the modules that code names by `crate::`.
fn modules_named(code: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for path in code.split("crate::").skip(1) {
        assert!(
            !path.starts_with(['{', '*']),
            "write one use for each module: crate::{}",
            path.lines().next().unwrap()
        );
        named.push(path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
    }
    named
}

/// Returns whether code names a crate at the start of a path.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let starts = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let rest = &code[at + name.len()..];
        starts && (name.contains("::") || rest.starts_with("::"))
    })
}

#[test]
fn modules_name_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut seen = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("lib.rs")) {
        let place = file.strip_prefix(&src).unwrap();
        let module = place.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let row = LAYERS.iter().find(|(name, ..)| *name == module);
        let (_, modules, crates) = row.unwrap_or_else(|| panic!("{module} has no row in LAYERS"));
        seen.push(module.to_owned());
        let code = code(file);
        for named in modules_named(&code) {
            assert!(named == module || modules.contains(&named), "{} must not know crate::{named}", place.display());
        }
        for name in CRATES.iter().filter(|name| !crates.contains(name)) {
            assert!(!names_crate(&code, name), "{} must not know {name}", place.display());
        }
    }
    for (module, ..) in LAYERS {
        assert!(seen.iter().any(|seen| seen == module), "{module} has a row in LAYERS and no file");
    }
}

#[test]
fn names_are_told_apart() {
    assert_eq!(modules_named("use crate::feed::{Feed};\nfn f() -> crate::decode_more::X"), ["feed", "decode_more"]);
    assert!(names_crate("use std::fs::File;", "std::fs") && names_crate("log::info!()", "log"));
    assert!(!names_crate("catalog::x, self::log::y, log", "log"));
}
