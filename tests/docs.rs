//! The documentation says what is so: its tables are the code's own, and what it names exists.

use cloudtrail::fields::table::FIELDS;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const REWRITE: &str = "UPDATE_DOCS=1 cargo test --test tests -- docs:: pictures:: rules::the_list";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Returns the text with `table` between the markers of this name.
pub fn with_table(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}{table}{end}{after}")
}

/// Returns the documents, relative to the root.
pub fn documents() -> Vec<String> {
    let folders = ["", "docs", "deploy", "examples", "rules", "tests/rules"];
    let files = folders.into_iter().filter_map(|folder| fs::read_dir(root().join(folder)).ok()).flatten();
    let files = files.map(|entry| entry.unwrap().path()).filter(|file| file.extension().is_some_and(|end| end == "md"));
    let mut files: Vec<String> =
        files.map(|file| file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()).collect();
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    files
}

#[test]
fn the_tables_are_those_of_the_code() {
    for (file, name, table) in [
        ("README.md", "configuration", cloudtrail::config::readme_table()),
        ("README.md", "fields", cloudtrail::fields::readme_table()),
        ("docs/metrics.md", "metrics", cloudtrail::metrics::readme_table()),
    ] {
        hold(file, &with_table(&read(file), name, &table));
    }
}

/// Holds a document to what it should be, or writes it.
pub fn hold(file: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return fs::write(root().join(file), expected).unwrap();
    }
    let is = fs::read_to_string(root().join(file)).unwrap_or_default();
    let stale = is.lines().zip(expected.lines()).find(|(is, should)| is != should);
    assert!(is == expected, "{file} is stale, write it anew with: {REWRITE}\nfirst difference: {stale:#?}");
}

/// Returns the crates that a manifest's section names, each with the comment above it.
fn crates(manifest: &str, section: &str) -> Vec<(String, String)> {
    let text = read(manifest);
    let (_, section) =
        text.split_once(&format!("\n[{section}]\n")).unwrap_or_else(|| panic!("{manifest}: no [{section}]"));
    let (mut crates, mut comment) = (Vec::new(), Vec::new());
    for line in section.lines().take_while(|line| !line.starts_with('[')) {
        if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
        } else if let Some((name, _)) = line.split_once(['.', ' ']).filter(|_| !line.contains("path = ")) {
            crates.push((name.to_owned(), std::mem::take(&mut comment).join(" ")));
        } else {
            comment.clear();
        }
    }
    crates
}

#[test]
fn every_crate_from_outside_has_a_reason() {
    let reasons = crates("Cargo.toml", "workspace.dependencies");
    let mut table = String::from("| crate | why |\n|---|---|\n");
    let members =
        ["Cargo.toml", "extraction/Cargo.toml", "faults/Cargo.toml", "json/Cargo.toml", "jsontext/Cargo.toml"];
    let of_libraries: HashSet<String> =
        members.iter().flat_map(|member| crates(member, "dependencies")).map(|(name, _)| name).collect();
    for (name, reason) in &reasons {
        assert!(reason.ends_with('.'), "Cargo.toml says no reason for {name}");
        if of_libraries.contains(name) {
            table += &format!("| `{name}` | {reason} |\n");
        }
    }
    assert!(of_libraries.iter().all(|name| reasons.iter().any(|(known, _)| known == name)), "{of_libraries:?}");
    hold("SECURITY.md", &with_table(&read("SECURITY.md"), "dependencies", &table));
}

/// Returns the words of a text that look like fields: `ct.name`, `%s3.bucket`.
fn field_names(text: &str) -> impl Iterator<Item = &str> {
    let families: HashSet<&str> = FIELDS.iter().filter_map(|field| field.name.split('.').next()).collect();
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"._-/:".contains(c))
        .map(|word| word.trim_matches(['.', ':']))
        .filter(move |word| word.split_once('.').is_some_and(|(family, _)| families.contains(family)))
        .filter(|word| ![".amazonaws.com", ".json"].iter().any(|end| word.ends_with(end)))
}

#[test]
fn every_field_that_is_named_exists() {
    let known: HashSet<&str> = FIELDS.iter().map(|field| field.name).collect();
    let mut named = 0;
    for file in documents().into_iter().map(PathBuf::from).chain(rule_files()) {
        let text = read(&file.to_string_lossy());
        for name in field_names(&text) {
            assert!(known.contains(name), "{} names {name}, which is no field", file.display());
            named += 1;
        }
    }
    assert!(named > known.len(), "the documents and the rules name {named} fields");
}

/// Returns the rule files, relative to the root.
fn rule_files() -> Vec<PathBuf> {
    let entries = |folder: &'static str| fs::read_dir(root().join(folder)).unwrap().map(move |entry| (folder, entry));
    let files = ["rules", "rules/examples"].into_iter().flat_map(entries);
    let files = files.map(|(folder, entry)| Path::new(folder).join(entry.unwrap().file_name()));
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(files.len() > 1, "{files:?}");
    files
}

#[test]
fn rule_files_ask_for_this_plugin_or_an_older_one() {
    let version = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap()).collect() };
    let ours = version(env!("CARGO_PKG_VERSION"));
    for file in rule_files() {
        let entries: Vec<serde_json::Value> = yaml_serde::from_str(&read(&file.to_string_lossy())).unwrap();
        let required: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry["required_plugin_versions"].as_array())
            .flatten()
            .filter(|plugin| plugin["name"] == "cloudtrail")
            .map(|plugin| version(plugin["version"].as_str().unwrap()))
            .collect();
        assert_eq!(required.len(), 1, "{}", file.display());
        let fits = required[0][0] == ours[0] && required[0] <= ours;
        assert!(fits, "{} requires {required:?}, this is {ours:?}", file.display());
    }
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = read("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## [")).unwrap();
    assert_eq!(newest.split(']').next(), Some(env!("CARGO_PKG_VERSION")));
}

/// Returns the anchors that a hosting site makes of the headings.
fn anchors(markdown: &str) -> HashSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    for file in documents() {
        let text = read(&file);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { PathBuf::from(&file) } else { Path::new(&file).with_file_name(path) };
            assert!(root().join(&target).exists(), "{file}: {link} leads nowhere");
            assert!(
                anchor.is_empty() || anchors(&read(&target.to_string_lossy())).contains(anchor),
                "{file}: {link} has no heading"
            );
        }
    }
}

/// Returns the lines of code blocks and the code between single backticks.
fn code(markdown: &str) -> Vec<&str> {
    let mut code = Vec::new();
    let mut in_block = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            code.push(line.trim());
        } else {
            code.extend(line.split('`').skip(1).step_by(2));
        }
    }
    code
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = read("Makefile");
    let mut named = HashSet::new();
    for file in documents() {
        let text = read(&file);
        for target in code(&text).into_iter().filter_map(|code| code.strip_prefix("make ")?.split(' ').next()) {
            let rule = format!("{target}:");
            assert!(makefile.lines().any(|line| line.starts_with(&rule)), "{file} names make {target}");
            named.insert(target.to_owned());
        }
    }
    assert!(["demo", "test"].iter().all(|known| named.contains(*known)), "{named:?}");
}

#[test]
fn every_place_of_the_layout_exists() {
    let contributing = read("CONTRIBUTING.md");
    let (_, layout) = contributing.split_once("| place | what it holds |\n").unwrap();
    let rows: Vec<&str> = layout.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 5, "{rows:?}");
    for place in rows.iter().flat_map(|row| code(row.split('|').nth(1).unwrap_or_default())) {
        assert!(root().join(place).exists(), "CONTRIBUTING.md names {place}");
    }
}

/// Returns the files that are tracked, or `None` outside of a checkout.
fn tracked_files() -> Option<Vec<PathBuf>> {
    let output = Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output().ok()?;
    let names = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(names.split_terminator('\0').map(PathBuf::from).collect())
}

#[test]
fn no_file_names_a_machine() {
    let Some(files) = tracked_files() else {
        return println!("skipped: not a git checkout");
    };
    // In two parts each, so that this file does not name them either.
    let folders = [("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/"), ("/wo", "rk/")].map(|(a, b)| format!("{a}{b}"));
    let hosts = [
        ("index.cra", "tes.io"),
        ("static.cra", "tes.io"),
        ("deb.deb", "ian.org"),
        ("security.deb", "ian.org"),
        ("registry.np", "mjs.org"),
        ("py", "pi.org"),
        ("pythonho", "sted.org"),
        ("proxy.gol", "ang.org"),
    ]
    .map(|(a, b)| format!("{a}{b}"));
    // The events in fixtures may name any path.
    for file in files.iter().filter(|file| !file.starts_with("tests/fixtures")) {
        let Ok(text) = fs::read(root().join(file)) else { continue };
        let text = String::from_utf8_lossy(&text);
        for folder in &folders {
            let starts_path =
                |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_.-}*~$<>".contains(c));
            let named = text.match_indices(folder).any(|(at, _)| starts_path(at));
            assert!(!named, "{} names the folder {folder} of a machine", file.display());
        }
        for host in &hosts {
            assert!(!text.contains(host), "{} names the registry host {host}", file.display());
        }
    }
}
