//! The workflows for GitHub, which cannot run here: they are what GitHub's schemas allow, call targets that exist, and
//! take no more from others than they name exactly.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn workflows() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(".github/workflows")).unwrap();
    let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 1, "{files:?}");
    files
}

/// Returns the steps of all jobs of a workflow.
fn steps(workflow: &Value) -> Vec<&Value> {
    let jobs = workflow["jobs"].as_object().unwrap().values();
    jobs.flat_map(|job| job["steps"].as_array().unwrap()).collect()
}

#[test]
fn the_files_are_what_the_schemas_of_github_allow() {
    let check = |schema: &str, files: &[PathBuf]| {
        let mut command = Command::new(root().join("scripts/moto"));
        command.args(["-m", "check_jsonschema", "--builtin-schema", schema]).args(files);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for (schema, files) in
        [("vendor.github-workflows", workflows()), ("vendor.dependabot", vec![root().join(".github/dependabot.yml")])]
    {
        let (fits, said) = check(schema, &files);
        assert!(fits, "{said}");
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("broken.yml");
        fs::write(&broken, format!("{}\nodd: true\n", read(&files[0]))).unwrap();
        assert!(!check(schema, &[broken]).0, "{schema} allows anything");
    }
}

#[test]
fn every_target_that_a_workflow_makes_exists() {
    let makefile = read(&root().join("Makefile"));
    let mut made = Vec::new();
    for file in workflows() {
        let workflow: Value = yaml_serde::from_str(&read(&file)).unwrap();
        for line in steps(&workflow).into_iter().filter_map(|step| step["run"].as_str()).flat_map(str::lines) {
            let Some(target) = line.trim().strip_prefix("make ").and_then(|words| words.split(' ').next()) else {
                continue;
            };
            let rule = format!("{target}:");
            assert!(makefile.lines().any(|line| line.starts_with(&rule)), "{}: make {target}", file.display());
            made.push(target.to_owned());
        }
    }
    made.sort();
    assert_eq!(made, ["advisories", "fuzz", "test", "test-falco", "test-packages"]);
}

#[test]
fn workflows_may_only_read_and_run_what_is_pinned() {
    for file in workflows() {
        let text = read(&file);
        let workflow: Value = yaml_serde::from_str(&text).unwrap();
        assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}), "{}", file.display());
        assert!(!text.contains("secrets."), "{} uses a secret", file.display());
        for line in text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: ")) {
            let (action, version) = line.split_once(" # v").unwrap_or_else(|| panic!("no version: {line}"));
            let (_, commit) = action.split_once('@').unwrap();
            let is_commit = commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit());
            assert!(is_commit && version.split('.').count() == 3, "{line}");
        }
        for job in workflow["jobs"].as_object().unwrap().values() {
            // Where CI is set, the count of instructions is never skipped.
            let job_steps = job["steps"].as_array().unwrap();
            let commands: Vec<&str> = job_steps.iter().filter_map(|step| step["run"].as_str()).collect();
            let counts = commands.iter().flat_map(|text| text.lines()).any(|line| line.trim() == "make test");
            assert!(
                !counts || commands.iter().any(|text| text.contains("valgrind")),
                "{}: no valgrind",
                file.display()
            );
            assert!(job["timeout-minutes"].is_u64(), "a job of {} may hang", file.display());
        }
    }
}

#[test]
fn make_test_falco_runs_every_test_that_is_skipped_without_falco() {
    let mut skipped = 0;
    for file in [
        "runner/src/falco.rs",
        "tests/alerts.rs",
        "tests/packages/installed.rs",
        "tests/rules.rs",
        "tests/start.rs",
        "tests/whole/mod.rs",
    ] {
        let text = read(&root().join(file));
        let tests = text.split("#[test]\nfn ").skip(1).chain(text.split("#[test]\n    fn ").skip(1));
        for test in tests.filter(|test| test.contains("skipped: no falco") && !test.starts_with("make_test")) {
            let name = test.split('(').next().unwrap();
            assert!(format!("{file} {name}").contains("falco"), "{name} in {file}");
            skipped += 1;
        }
    }
    assert!(skipped >= 6, "{skipped}");
}
