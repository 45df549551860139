//! Proofs and reports about rules tell the truth: on a few rules and events of which the answer is known.

use crate::engine::plugin;
use runner::coverage::{self, Coverage, page, text};
use runner::fixtures;
use runner::proof::Proof;
use runner::rules::{self, Priority, RuleSet};
use std::fs;
use std::path::Path;
use std::process::Command;

const RULES: &str = r#"
- list: calls
  items: [DeleteTrail, StopLogging]
- macro: succeeds
  condition: (not ct.error exists)
- rule: Trail Gone
  desc: A trail is gone.
  condition: ct.name in (calls) and succeeds and ct.region in (us-east-1, us-west-2)
  output: "%ct.name"
  priority: CRITICAL
  source: aws_cloudtrail
  tags: [aws, mitre_defense_evasion, T1562.008]
- rule: Anything
  desc: Something happened.
  condition: ct.name exists
  output: "%ct.name"
  priority: NOTICE
  source: aws_cloudtrail
  tags: [aws]
"#;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn load(folder: &Path) -> RuleSet {
    write(folder, "rules.yaml", RULES);
    rules::load(&[folder.join("rules.yaml")]).unwrap()
}

/// Says what is wrong with the events of `Trail Gone`, and what they would not notice.
fn prove(events: &str) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let set = load(folder.path());
    let base = "event: {eventTime: 2026-10-06T09:14:27Z, eventType: AwsApiCall, awsRegion: us-east-1}\n\
                identities: {user: {userIdentity: {type: IAMUser}}}";
    write(folder.path(), "events/base.yaml", base);
    write(folder.path(), "events/trail-gone/events.yaml", events);
    let anything = "fires: [{it: happens, event: {eventName: GetTrail}}]\nsilent: [{it: has no name, event: {}}]";
    write(folder.path(), "events/anything/events.yaml", anything);
    let fixtures = fixtures::load(&folder.path().join("events"), &set).unwrap();
    let plugins = [plugin("")];
    let proof = Proof::new(&set, &fixtures, &plugins).unwrap();
    (proof.faults().unwrap(), proof.survivors().unwrap())
}

#[test]
fn events_that_need_every_part_of_a_condition_prove_it() {
    let (faults, survivors) = prove(
        "fires:\n\
         - {it: goes, event: {eventName: DeleteTrail}}\n\
         - {it: goes in the west, event: {eventName: StopLogging, awsRegion: us-west-2}}\n\
         silent:\n\
         - {it: stays, but: {eventName: GetTrail}}\n\
         - {it: fails, but: {errorCode: AccessDenied}}\n\
         - {it: goes elsewhere, but: {awsRegion: eu-west-1}}\n",
    );
    assert_eq!((faults, survivors), (vec![], vec![]));
}

#[test]
fn a_condition_that_no_event_needs_is_found() {
    let (faults, survivors) = prove(
        "fires:\n\
         - {it: goes, event: {eventName: DeleteTrail}}\n\
         silent:\n\
         - {it: stays, but: {eventName: GetTrail}}\n",
    );
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        survivors,
        [
            "rule `Trail Gone`, left out: succeeds",
            "rule `Trail Gone`, left out: ct.region in (us-east-1, us-west-2)",
            "rule `Trail Gone`, without us-west-2: ct.region in (us-east-1, us-west-2)",
        ]
    );
}

#[test]
fn events_that_contradict_the_rule_are_found() {
    let (faults, _) = prove(
        "fires:\n\
         - {it: fails, event: {eventName: DeleteTrail, errorCode: AccessDenied}}\n\
         silent:\n\
         - {it: goes, event: {eventName: DeleteTrail}}\n",
    );
    assert_eq!(
        faults,
        ["rule `Trail Gone` is silent on trail-gone:1 (fails)", "rule `Trail Gone` fires on trail-gone:2 (goes)",]
    );
}

/// Three benign events and an attack, with a label for the attack.
fn measured(folder: &Path) -> (RuleSet, Coverage) {
    let event = |id: &str, name: &str| {
        format!(
            r#"{{"eventID":"{id}","eventTime":"2026-10-06T09:14:27Z","eventType":"AwsApiCall","awsRegion":"us-east-1","eventName":"{name}"}}"#
        )
    };
    let nameless = event("", "GetTrail").replace(r#""eventID":"","#, "");
    let events = [event("a", "DeleteTrail"), event("b\\nc", "StopLogging"), nameless.clone(), nameless];
    write(folder, "logs/day/log.json", &format!(r#"{{"Records":[{}]}}"#, events.join(",")));
    write(
        folder,
        "logs/day/labels.jsonl",
        "{\"eventID\":\"a\",\"technique\":\"<trail gone>\",\"attack\":true}\n{\"eventID\":\"b\",\"phase\":\"x\",\"attack\":false}\n\n\
         {\"eventID\":\"not here\",\"technique\":\"u\",\"attack\":true}\n",
    );
    let set = load(folder);
    let mut last = (0, 0);
    let coverage =
        coverage::measure(&set, &[plugin("")], &folder.join("logs"), &mut |done, total| last = (done, total)).unwrap();
    assert_eq!(last, (4, 4), "the progress ends at the end");
    (set, coverage)
}

#[test]
fn coverage_counts_attacks_and_noise() {
    let folder = tempfile::tempdir().unwrap();
    let (set, coverage) = measured(folder.path());
    assert_eq!((coverage.events, coverage.attacks, coverage.benign()), (4, 1, 3));
    assert_eq!(coverage.techniques.len(), 1, "a label of an event that is in no log counts for nothing");
    let technique = &coverage.techniques["<trail gone>"];
    assert_eq!((technique.events, technique.caught, technique.rules.len()), (1, 1, 2));
    assert_eq!((coverage.benign_at(Priority::Warning), coverage.benign_at(Priority::Notice)), (1, 3));
    assert_eq!((coverage.noise[&1].matched, coverage.noise[&1].first), (3, 2));
    let report = text::report(&coverage, &set.enabled(), Some(&["Never".to_owned()]));
    for line in [
        "Techniques caught at Warning or above: 1 of 1",
        "  Critical            1      333.3       1 (33.33 %)",
        "       3       2  Anything (Notice)",
        "Rules that never fired, neither here nor in any test: 1\n  Never",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
}

/// The page as a browser understands it, where there is one.
#[test]
fn the_page_is_read_by_a_browser() {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let is_there =
        |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let Some(browser) = browsers.iter().find(is_there) else { return println!("skipped: no Chromium") };
    let folder = tempfile::tempdir().unwrap();
    let (set, coverage) = measured(folder.path());
    let file = folder.path().join("index.html");
    fs::write(&file, page::page("Rule coverage", "logs", &coverage, &set.enabled())).unwrap();
    let output = Command::new("timeout")
        .args(["60", browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-sync", "--disable-background-networking", "--disable-component-update", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8(output.stdout).unwrap();
    // Every element is closed where it was opened, or the browser would have moved it.
    for part in [
        "<title>Rule coverage</title>",
        r#"<th scope="row">&lt;trail gone&gt;</th>"#,
        r#"<span class="bar critical" style="width:50.00%"></span>"#,
        "<h3>Defense Evasion</h3>",
        "</section>\n</main>",
    ] {
        assert!(dom.contains(part), "{part}\n{dom}");
    }
}
