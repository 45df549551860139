//! The rule pack does what it says: each rule on events that it must and must not see, the whole on real logs, and its
//! form. The engine gives every verdict; the events are in `tests/rules/`.

use crate::docs::{hold, with_table};
use crate::engine::{json_plugin, plugin};
use runner::coverage::{self, Coverage, layer};
use runner::evaluate;
use runner::falco::Falco;
use runner::fixtures::{self, Fixture};
use runner::proof::Proof;
use runner::rules::{self, Priority, Rule, RuleSet};
use runner::{attack, catalog};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const MAIN: &str = "rules/aws_cloudtrail_rules.yaml";
const NOISY: &str = "rules/aws_cloudtrail_noisy_rules.yaml";
/// The lists that users fill, filled for the tests.
const TUNING: &str = "tests/rules/tuning.yaml";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn load(files: &[&str]) -> RuleSet {
    rules::load(&files.iter().map(|file| path(file)).collect::<Vec<_>>()).unwrap()
}

/// Both files of rules and the tests' lists.
fn pack() -> &'static RuleSet {
    static PACK: OnceLock<RuleSet> = OnceLock::new();
    PACK.get_or_init(|| load(&[MAIN, NOISY, TUNING]))
}

fn events() -> &'static [Fixture] {
    static EVENTS: OnceLock<Vec<Fixture>> = OnceLock::new();
    EVENTS.get_or_init(|| fixtures::load(&path("tests/rules"), pack()).unwrap())
}

fn none(faults: &[String], what: &str) {
    assert!(faults.is_empty(), "{} {what}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_rule_fires_on_its_events_and_on_no_near_miss() {
    let plugins = [plugin("")];
    let proof = Proof::new(pack(), events(), &plugins).unwrap();
    none(&proof.faults().unwrap(), "wrong verdicts");
}

#[test]
fn every_broken_condition_is_noticed_by_an_event() {
    let plugins = [plugin("")];
    let proof = Proof::new(pack(), events(), &plugins).unwrap();
    none(&proof.survivors().unwrap(), "broken conditions that no event notices");
}

/// Falco raises one alert an event, by the first rule that matches: it has to be a most urgent one.
#[test]
fn the_first_rule_that_matches_is_a_most_urgent_one() {
    let plugins = [plugin("")];
    let proof = Proof::new(pack(), events(), &plugins).unwrap();
    let filters = pack().filters().unwrap();
    let texts: Vec<String> = filters.iter().map(|(_, filter)| filter.clone()).collect();
    let input = evaluate::Input { plugins: &plugins, params: proof.log().to_str().unwrap(), with_fields: false };
    let mut by_event: BTreeMap<String, Vec<&Rule>> = BTreeMap::new();
    for found in evaluate::matches(&texts, input).unwrap() {
        by_event.entry(found.id).or_default().push(filters[found.filter].0);
    }
    let mut faults = BTreeSet::new();
    for rules in by_event.values() {
        let louder = rules.iter().find(|rule| rule.priority < rules[0].priority);
        if let Some(louder) = louder {
            faults.insert(format!("`{}` is hidden by `{}`, which comes first", louder.name, rules[0].name));
        }
    }
    none(&faults.into_iter().collect::<Vec<_>>(), "rules in the wrong order");
    assert!(by_event.len() > 300, "{} events raise something", by_event.len());
}

#[test]
fn the_pack_is_large_and_keeps_the_names_of_the_official_one() {
    const OFFICIAL: [&str; 22] = [
        "All Cloudtrail Events",
        "CloudTrail Logging Disabled",
        "CloudTrail Trail Created",
        "Console Login Through Assume Role",
        "Console Login Without MFA",
        "Console Root Login Without MFA",
        "Create AWS user",
        "Create Group",
        "Create Lambda Function",
        "Deactivate MFA for Root User",
        "Delete Bucket Encryption",
        "Delete Bucket Public Access Block",
        "Delete Group",
        "ECS Service Created",
        "ECS Task Run or Started",
        "List Buckets",
        "Put Bucket ACL",
        "Put Bucket Policy",
        "Run Instances",
        "Run Instances in Non-approved Region",
        "Update Lambda Function Code",
        "Update Lambda Function Configuration",
    ];
    let names: HashSet<&str> = pack().rules().iter().map(|rule| rule.name.as_str()).collect();
    let missing: Vec<_> = OFFICIAL.iter().filter(|name| !names.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(names.contains("Attach Administrator Policy"));
    // The README says so.
    assert!(load(&[MAIN]).enabled().len() > 400, "{}", load(&[MAIN]).enabled().len());
}

#[test]
fn every_rule_has_the_form_of_the_pack() {
    let mut faults = Vec::new();
    for rule in pack().rules() {
        let mut fault = |what: &str| faults.push(format!("{}: {what}", rule.name));
        let known = [Priority::Critical, Priority::Warning, Priority::Notice, Priority::Informational];
        if rule.name == "All Cloudtrail Events" {
            assert!(!rule.enabled && rule.priority == Priority::Debug);
            continue;
        }
        if !known.contains(&rule.priority) {
            fault("its priority is none of those of the pack");
        }
        if rule.source != rules::SOURCE {
            fault("its source");
        }
        if rule.desc.trim().len() < 60 || !rule.desc.trim().ends_with('.') {
            fault("its desc says what happened and why it matters, in sentences");
        }
        // The plugin's own events are nobody's call.
        let is_own = rule.condition.contains("\"cloudtrail-plugin.local\"");
        let of_calls = ["who", "from where"];
        for (what, field) in [
            ("who", "%ct.user"),
            ("from where", "%ct.srcip"),
            ("the account", "%ct.recipientaccountid"),
            ("the region", "%ct.region"),
        ] {
            let is_wanted = !is_own || !of_calls.contains(&what);
            if is_wanted && !rule.output.contains(field) {
                fault(&format!("its output does not name {what}"));
            }
        }
        let succeeds = is_own || rule.condition.contains("ct_success");
        if !succeeds && !rule.output.contains("%ct.error") && !rule.output.contains("%ct.console.login") {
            fault("its output does not name the result");
        }
        let has = |tag: &str| rule.tags.iter().any(|known| known == tag);
        if !has("aws") || !has("cloud") || !rule.tags.iter().any(|tag| tag.starts_with("aws_")) {
            fault("its tags are aws, cloud and a service");
        }
        let (techniques, tactics) =
            (attack::techniques(&rule.tags).collect::<Vec<_>>(), attack::tactics(&rule.tags).collect::<Vec<_>>());
        if techniques.is_empty() || tactics.is_empty() {
            fault("its tags name a tactic and a technique of MITRE ATT&CK");
        }
        for id in techniques {
            match attack::technique(id) {
                None => fault(&format!("{id} is not in runner/src/attack.rs")),
                Some(technique) if !technique.2.iter().any(|tactic| tactics.contains(tactic)) => {
                    fault(&format!("{id} serves none of the tactics that it names"));
                }
                Some(_) => {}
            }
        }
        if tactics.iter().any(|tactic| !attack::TACTICS.contains(tactic)) {
            fault("a tactic that there is not");
        }
        let quiet = rule.priority > Priority::Warning;
        if load_names(MAIN).contains(&rule.name) && quiet != rule.condition.contains("in_sandbox") {
            fault("`not in_sandbox` belongs to notices and below, and to them only");
        }
    }
    none(&faults, "faults of form");
}

/// The names of the rules that a file defines.
fn load_names(file: &str) -> &'static HashSet<String> {
    static NAMES: OnceLock<HashMap<String, HashSet<String>>> = OnceLock::new();
    let of = |file: &str| {
        let entries: Vec<serde_json::Value> = yaml_serde::from_str(&fs::read_to_string(path(file)).unwrap()).unwrap();
        entries.iter().filter_map(|entry| entry["rule"].as_str()).map(str::to_owned).collect()
    };
    &NAMES.get_or_init(|| [MAIN, NOISY].map(|file| (file.to_owned(), of(file))).into())[file]
}

/// The calls that a filter names: each with whether it is only a prefix.
fn calls(filter: &str) -> Vec<(&str, bool)> {
    let mut calls = Vec::new();
    for rest in filter.split("ct.name").skip(1) {
        let rest = rest.trim_start();
        let word = |text| -> &str { <str>::trim_matches(text, [' ', '\n', '"', '(', ')']) };
        if let Some(list) = rest.strip_prefix("in ") {
            let (list, _) = list.trim_start().split_once(')').unwrap();
            calls.extend(list.split(',').map(|name| (word(name), false)));
        } else if let Some((operator, value)) = rest.split_once(char::is_whitespace) {
            let value = value.trim_start().split([' ', '\n', ')']).next().unwrap_or_default();
            match operator {
                "=" => calls.push((word(value), false)),
                "startswith" => calls.push((word(value), true)),
                _ => {}
            }
        }
    }
    calls
}

/// Names that CloudTrail logs and the SDK does not have: other names of the same call, and events that are no calls.
const LOGGED_ONLY: &[&str] = &[
    // S3 logs the names of its REST API.
    "DeleteAccountPublicAccessBlock",
    "DeleteBucketLifecycle",
    "DeleteBucketPublicAccessBlock",
    "PutAccountPublicAccessBlock",
    "PutBucketLifecycle",
    "PutBucketPublicAccessBlock",
    "PutBucketObjectLockConfiguration",
    // The sign-in service and the root user's account pages.
    "ConsoleLogin",
    "CredentialVerification",
    "EmailUpdated",
    "GetSigninToken",
    "PasswordRecoveryCompleted",
    "PasswordRecoveryRequested",
    "PasswordUpdated",
    "SwitchRole",
    // The console's shell.
    "GetFileDownloadUrls",
    "GetFileUploadUrls",
    // The console of IAM Identity Center, as its guide lists them.
    "AddMemberToGroup",
    "AssociateDirectory",
    "CreateExternalIdPConfigurationForDirectory",
    "DeleteExternalIdPConfigurationForDirectory",
    "DeleteMfaDeviceForUser",
    "DisableExternalIdPConfigurationForDirectory",
    "DisassociateDirectory",
    "EnableExternalIdPConfigurationForDirectory",
    "PutMfaDeviceManagementForDirectory",
    "PutPermissionsPolicy",
    "UpdateExternalIdPConfigurationForDirectory",
    "UpdatePassword",
    // The plugin's own events, of logs that it verifies.
    "DigestInvalid",
    "LogFileMissing",
    "LogFileValidationFailed",
    // The console of Bedrock.
    "PutFoundationModelEntitlement",
];

#[test]
fn every_call_that_a_rule_names_exists() {
    let output = Command::new(path("scripts/moto")).arg(path("tests/rules/operations.py")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let services: Vec<(Vec<&str>, HashSet<&str>)> = text
        .lines()
        .map(|line| line.split_once(':').unwrap())
        .map(|(names, operations)| (names.split_whitespace().collect(), operations.split_whitespace().collect()))
        .collect();
    assert!(services.len() > 300, "{}", services.len());
    let mut faults = Vec::new();
    for (rule, filter) in pack().filters().unwrap() {
        let known_by = |name: &str, is_prefix: bool| {
            services.iter().any(|(_, operations)| {
                operations.contains(name) || (is_prefix && operations.iter().any(|known| known.starts_with(name)))
            })
        };
        for (name, is_prefix) in calls(&filter) {
            // Lambda logs a version behind the name.
            let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == 'v');
            if !LOGGED_ONLY.contains(&name) && !known_by(name, is_prefix) && !known_by(bare, false) {
                faults.push(format!("{}: no service has {name}", rule.name));
            }
        }
    }
    none(&faults, "unknown calls");
}

#[test]
fn the_engine_takes_every_rule_file() {
    let (cloudtrail, json) = (plugin(""), json_plugin(""));
    let check = |files: &[&str], with_json: bool| {
        let plugins = if with_json { vec![cloudtrail.clone(), json.clone()] } else { vec![cloudtrail.clone()] };
        let set = load(files);
        assert!(set.warnings().is_empty(), "{files:?}: {:?}", set.warnings());
        evaluate::check(&set, &plugins).unwrap()
    };
    let all = check(&[MAIN, NOISY], false);
    assert_eq!(all, load_names(MAIN).len() + load_names(NOISY).len());
    for example in fs::read_dir(path("rules/examples")).unwrap() {
        let name = format!("rules/examples/{}", example.unwrap().file_name().to_string_lossy());
        check(&[MAIN, NOISY, &name], true);
    }
}

#[test]
fn real_falco_takes_the_rule_files_without_a_warning() {
    let Some(falco) = Falco::find() else { return eprintln!("skipped: no falco") };
    let plugins = [plugin("")];
    for files in [&[MAIN][..], &[MAIN, NOISY], &[MAIN, NOISY, "rules/examples/tuning.yaml"]] {
        let warnings = falco.check(&files.iter().map(|file| path(file)).collect::<Vec<_>>(), &plugins).unwrap();
        none(&warnings, "warnings of Falco");
    }
}

/// The real logs that the noise is measured on, where they are beside the checkout.
fn real_logs() -> Option<(RuleSet, Coverage)> {
    let logs = path("../shared/data/invictus");
    if !logs.is_dir() {
        println!("skipped: no real logs beside the checkout");
        return None;
    }
    let set = load(&[MAIN]);
    let coverage = coverage::measure(&set, &[plugin("")], &logs, &mut |_, _| {}).unwrap();
    Some((set, coverage))
}

#[test]
fn real_attacks_are_caught_and_a_quiet_account_is_left_alone() {
    let Some((set, coverage)) = real_logs() else { return };
    let missed: Vec<_> = coverage.techniques.iter().filter(|(_, technique)| !technique.is_caught()).collect();
    assert!(missed.is_empty() && coverage.techniques.len() == 26, "{missed:?}");
    let share = |priority| coverage.per_thousand(coverage.benign_at(priority)) / 1000.0;
    let noisy: Vec<_> = coverage.noise.iter().map(|(place, noise)| (&set.enabled()[*place].name, noise)).collect();
    assert!(share(Priority::Warning) <= 0.01, "{noisy:#?}");
    assert!(share(Priority::Notice) <= 0.08, "{noisy:#?}");
    // Each of them is named, with the number of its events, where users read why it is right.
    let enabled = set.enabled();
    let mut expected: Vec<String> = Vec::new();
    for (place, noise) in coverage.noise {
        let rule = enabled[place];
        if rule.priority <= Priority::Notice {
            expected.push(format!("| {} | {} | {} |", rule.name, rule.priority, noise.matched));
        }
    }
    let readme = fs::read_to_string(path("rules/README.md")).unwrap();
    let (_, table) = readme.split_once("| rule | priority | events | why it is right |\n|---|---|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let mut listed: Vec<String> = rows.map(|row| row.split_inclusive('|').take(4).collect()).collect();
    expected.sort();
    listed.sort();
    assert_eq!(listed, expected);
}

#[test]
fn the_list_of_rules_and_the_layer_are_those_of_the_rules() {
    let set = load(&[MAIN, NOISY]);
    let mut readme = fs::read_to_string(path("rules/README.md")).unwrap();
    for file in [MAIN, NOISY] {
        let table = catalog::table(&set, |rule| load_names(file).contains(&rule.name));
        readme = with_table(&readme, file.trim_start_matches("rules/"), &table);
    }
    hold("rules/README.md", &readme);
    hold("rules/attack_navigator_layer.json", &layer::layer("Falco rules on AWS CloudTrail", &set.enabled()));
}

#[test]
fn the_calls_of_a_filter_are_found() {
    let filter = "ct.name = \"A\" and (ct.name in (B, \"C\") or ct.name startswith D) and not ct.name exists";
    assert_eq!(calls(filter), [("A", false), ("B", false), ("C", false), ("D", true)]);
}
