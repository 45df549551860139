//! The snippets of the documents do what they say: commands run, configurations are taken, conditions compile.
//!
//! A block of commands whose first line is `# needs …` takes what is not here: AWS, root, a registry. Of it the shell
//! checks the form alone.

use crate::docs::documents;
use crate::engine::{json_library, library};
use cloudtrail::config::{Config, ConfigError, OpenParams, UserConfig};
use runner::rules;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

/// What a block may need that a test does not have.
const NEEDS: [&str; 6] = ["AWS", "Falco", "Kubernetes", "a registry", "root", "the packages"];

/// The sections of falco.yaml that snippets set, besides those of falco.yaml.example.
const OTHER_SECTIONS: [&str; 2] = ["metrics", "webserver"];

struct Snippet {
    /// The document and the line.
    place: String,
    /// How far it is indented.
    indent: usize,
    language: String,
    text: String,
}

fn snippets() -> Vec<Snippet> {
    let mut snippets = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        let mut open: Option<Snippet> = None;
        for (number, line) in text.lines().enumerate() {
            // A block of a list is indented.
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    let (place, indent) = (format!("{document}:{}", number + 1), line.len() - line.trim_start().len());
                    open = Some(Snippet { place, indent, language: language.to_owned(), text: String::new() });
                }
                (Some(_), Some(_)) => snippets.extend(open.take()),
                (None, Some(snippet)) => {
                    snippet.text += &format!("{}\n", line.get(snippet.indent..).unwrap_or_default())
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{document}: a block without an end");
    }
    snippets
}

fn of(language: &str) -> impl Iterator<Item = Snippet> {
    snippets().into_iter().filter(move |snippet| snippet.language == language)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_snippet_names_its_language() {
    for Snippet { place, language, .. } in snippets() {
        assert!(["hcl", "json", "mermaid", "sh", "text", "yaml"].contains(&language.as_str()), "{place}: {language:?}");
    }
}

#[test]
fn json_is_json() {
    for Snippet { place, text, .. } in of("json") {
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
    }
}

/// A folder in which the commands of documents can run: the repository's files under the names that they have there, and
/// the files that they take from users. `make` tells what it would do, and cargo has built already.
fn scratch(programs: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["Makefile", "examples", "rules"] {
        symlink(root().join(name), at(name)).unwrap();
    }
    fs::create_dir_all(at("target/release")).unwrap();
    for program in
        ["falco-rules", "rule-proof"].map(|name| programs.join(name)).into_iter().chain([library(), json_library()])
    {
        symlink(&program, at("target/release").join(program.file_name().unwrap())).unwrap();
    }
    symlink(root().join("examples"), at("LOGS")).unwrap();
    fs::create_dir_all(at("my_events/a-call")).unwrap();
    for (file, text) in [
        (
            "my_rules.yaml",
            "[{rule: A Call, desc: A call., condition: ct.name = \"A\", output: '%ct.name', priority: NOTICE, \
             source: aws_cloudtrail, tags: [aws]}]",
        ),
        (
            "my_events/base.yaml",
            "event: {eventTime: 2026-10-06T09:14:27Z, eventType: AwsApiCall}\n\
             identities: {user: {userIdentity: {type: IAMUser}}}",
        ),
        (
            "my_events/a-call/events.yaml",
            "fires: [{it: calls, event: {eventName: A}}]\nsilent: [{it: is another, but: {eventName: B}}]",
        ),
    ] {
        fs::write(at(file), text).unwrap();
    }
    fs::create_dir(at("bin")).unwrap();
    for (name, script) in [("cargo", "[ \"$1\" = build ]"), ("make", "exec /usr/bin/make --dry-run \"$@\"")] {
        let path = at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    folder
}

fn shell(arguments: &[&str], script: &str, folder: &Path) -> Output {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    Command::new("sh").args(arguments).args(["-c", script]).current_dir(folder).env("PATH", path).output().unwrap()
}

#[test]
fn commands_run() {
    let programs = std::env::current_exe().unwrap().parent().unwrap().with_file_name("");
    if !programs.join("rule-proof").exists() {
        return println!("skipped: cargo test --workspace builds the programs that the documents name");
    }
    let mut ran = 0;
    for Snippet { place, text, .. } in of("sh") {
        let folder = scratch(&programs);
        let needs = text.lines().next().and_then(|line| line.strip_prefix("# needs "));
        if let Some(what) = needs {
            assert!(NEEDS.iter().any(|need| what.starts_with(need)), "{place}: needs {what:?}");
        }
        let arguments: &[&str] = if needs.is_some() { &["-n"] } else { &["-e", "-u"] };
        let output = shell(arguments, &text, folder.path());
        assert!(output.status.success(), "{place}: {}", String::from_utf8_lossy(&output.stderr));
        ran += usize::from(needs.is_none());
    }
    assert!(ran > 4, "{ran} blocks ran");
}

/// Returns the YAML of the snippets; one that shows a part of a configuration may be indented.
fn yaml() -> Vec<(String, Value)> {
    let parse = |Snippet { place, text, .. }: Snippet| {
        let indent = text.len() - text.trim_start_matches(' ').len();
        let lines: Vec<&str> = text.lines().map(|line| line.get(indent..).unwrap_or_default()).collect();
        let value = yaml_serde::from_str(&lines.join("\n")).unwrap_or_else(|error| panic!("{place}: {error}"));
        (place, value)
    };
    of("yaml").map(parse).collect()
}

fn config(init_config: Value) -> Result<Config, ConfigError> {
    Config::from_user(serde_json::from_value::<UserConfig>(init_config).unwrap())
}

#[test]
fn configurations_are_taken() {
    let example: Value = yaml_serde::from_str(&fs::read_to_string(root().join("falco.yaml.example")).unwrap()).unwrap();
    let plugin_keys = cloudtrail::config::readme_table();
    let mut taken = 0;
    for (place, value) in yaml() {
        let Some(members) = value.as_object() else { continue };
        if members.keys().all(|key| plugin_keys.contains(&format!("| `{key}` |"))) {
            config(value).unwrap_or_else(|error| panic!("{place}: {error}"));
            taken += 1;
            continue;
        }
        let Some(plugins) = members.get("plugins") else { continue };
        for key in members.keys() {
            let is_known = example.get(key).is_some() || OTHER_SECTIONS.contains(&key.as_str());
            assert!(is_known, "{place}: {key} is no section of falco.yaml.example");
        }
        for plugin in plugins.as_array().unwrap().iter().filter(|plugin| plugin["name"] == "cloudtrail") {
            config(plugin["init_config"].clone()).unwrap_or_else(|error| panic!("{place}: {error}"));
            let params = plugin["open_params"].as_str().unwrap().parse::<OpenParams>();
            params.unwrap_or_else(|error| panic!("{place}: {error}"));
            taken += 1;
        }
    }
    assert!(taken > 1, "{taken} configurations");
}

#[test]
fn conditions_compile() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    let mut compiled = 0;
    for (place, value) in yaml().into_iter().filter(|(_, value)| value.get("condition").is_some()) {
        let condition = value["condition"].as_str().unwrap();
        let rule = serde_json::json!([{"rule": "A rule", "desc": "", "condition": condition, "output": "%ct.name",
            "priority": "NOTICE", "source": "aws_cloudtrail"}]);
        fs::write(&file, rule.to_string()).unwrap();
        let rules = rules::load(std::slice::from_ref(&file)).unwrap();
        let plugins = [crate::engine::plugin("")];
        let examples = root().join("examples");
        let input =
            runner::evaluate::Input { plugins: &plugins, params: examples.to_str().unwrap(), with_fields: false };
        runner::evaluate::evaluate(&rules, input).unwrap_or_else(|error| panic!("{place}: {error}"));
        compiled += 1;
    }
    assert!(compiled > 1, "{compiled} conditions");
}
