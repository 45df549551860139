//! What rule files mean: the filter of each rule after lists, macros, exceptions, appends and overrides, and what is
//! refused. No engine takes part.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write as _;

use runner::rules::{self, Priority, RuleSet};

fn load(texts: &[&str]) -> anyhow::Result<RuleSet> {
    let files: Vec<_> = texts
        .iter()
        .map(|text| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        })
        .collect();
    rules::load(&files.iter().map(|file| file.path()).collect::<Vec<_>>())
}

/// A rule of this condition, with `more` as further keys.
fn rule(condition: &str, more: &str) -> String {
    format!(
        "- rule: R\n  desc: d\n  condition: {condition}\n  output: o\n  priority: WARNING\n  source: aws_cloudtrail\n{more}"
    )
}

fn filter(texts: &[&str]) -> String {
    let set = load(texts).unwrap();
    let filters = set.filters().unwrap();
    assert_eq!(filters.len(), 1);
    filters[0].1.clone()
}

fn error(texts: &[&str]) -> String {
    match load(texts).and_then(|set| set.filters().map(|filters| filters.len())) {
        Ok(count) => panic!("{count} rules were accepted"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn lists_and_macros_are_resolved() {
    let text = "
- list: reads
  items: [GetObject, \"List Things\", 404]
- list: calls
  items: [PutObject, reads]
- macro: is_call
  condition: ct.name in (calls)
- macro: good
  condition: is_call and not ct.error exists
";
    assert_eq!(
        filter(&[text, &rule("good or ct.id = reads", "")]),
        "((ct.name in (PutObject, GetObject, \"List Things\", 404)) and not ct.error exists) \
         or ct.id = GetObject, \"List Things\", 404"
    );
}

#[test]
fn a_rule_sees_macros_that_come_later_but_a_macro_does_not() {
    let later = "- macro: late\n  condition: a.b exists\n";
    assert_eq!(filter(&[&rule("late", ""), later]), "(a.b exists)");
    let text = error(&["- macro: early\n  condition: late\n", later, &rule("early", "")]);
    assert!(text.contains("rule `R`: macro `early`: undefined macro `late`"), "{text}");
}

#[test]
fn an_unknown_macro_names_rule_and_macro() {
    assert_eq!(error(&[&rule("ct.name = X and nowhere", "")]), "rule `R`: undefined macro `nowhere`");
}

#[test]
fn a_macro_within_itself_is_refused() {
    let text = "
- macro: one
  condition: a.b exists
- macro: two
  condition: one
- macro: one
  condition: two
";
    assert!(error(&[text, &rule("one", "")]).contains("macro `one` contains itself"));
}

#[test]
fn later_files_append_and_redefine() {
    let base = "
- list: names
  items: [A]
- macro: kept
  condition: a.b = 1
";
    let more = "
- list: names
  items: [B]
  override: {items: append}
- macro: kept
  condition: or a.b = 2
  append: true
- rule: R
  condition: and c.d exists
  tags: [added]
  priority: info
  override: {condition: append, tags: append, priority: replace}
";
    let set = load(&[base, &rule("a.name in (names) and kept", "  tags: [first]\n"), more]).unwrap();
    let (rule, filter) = set.filters().unwrap()[0].clone();
    assert_eq!(filter, "a.name in (A, B) and (a.b = 1 or a.b = 2) and c.d exists");
    assert_eq!(rule.tags, ["added", "first"]);
    assert_eq!(rule.priority, Priority::Informational);
}

#[test]
fn a_rule_can_be_switched_off() {
    let set = load(&[&rule("a.b exists", ""), "- rule: R\n  enabled: false\n"]).unwrap();
    assert_eq!(set.filters().unwrap().len(), 0);
    assert_eq!(set.rules().len(), 1);
}

#[test]
fn rules_of_other_sources_are_left_alone() {
    let text = "- rule: S\n  desc: d\n  condition: undefined_macro\n  output: o\n  priority: ERROR\n";
    assert_eq!(filter(&[text, &rule("a.b exists", "")]), "a.b exists");
}

#[test]
fn exceptions_narrow_the_condition() {
    let exceptions = "
  exceptions:
    - name: users
      fields: ct.user
      values: [alice, bob smith]
    - name: pairs
      fields: [ct.user, ct.srcip, ct.name]
      comps: [=, in, startswith]
      values:
        - [carol, [10.0.0.1, 10.0.0.2], Get]
        - [dave, others, List]
    - name: for_others
      fields: ct.region
";
    assert_eq!(
        filter(&["- list: others\n  items: [10.0.0.3]\n", &rule("a.b = 1 or a.b = 2", exceptions)]),
        "(a.b = 1 or a.b = 2) and not (ct.user in (alice, \"bob smith\")) \
         and not ((ct.user = carol and ct.srcip in (10.0.0.1, 10.0.0.2) and ct.name startswith Get) \
         or (ct.user = dave and ct.srcip in (10.0.0.3) and ct.name startswith List))"
    );
    let more = "
- rule: R
  exceptions:
    - name: for_others
      values: [eu-west-1]
  append: true
";
    let appended = filter(&[&rule("a.b = 1", "  exceptions: [{name: for_others, fields: ct.region}]\n"), more]);
    assert_eq!(appended, "(a.b = 1) and not (ct.region in (eu-west-1))");
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    for (text, part) in [
        (rule("a.b = 1", "  enabled: perhaps\n"), "`perhaps` is neither true nor false"),
        (rule("a.b = 1", "") + "- rule: R\n  append: true\n", "comes with a condition or with exceptions"),
        (
            rule("a.b = 1", "") + &rule("a.b = 2", "").replace("aws_cloudtrail", "okta"),
            "there already with another source",
        ),
        (
            rule("a.b = 1", "") + "- rule: R\n  source: okta\n  condition: or a.b = 2\n  append: true\n",
            "there already with another source",
        ),
        (rule("a.b = 1", "") + "- macro: unused\n  condition: nowhere\n", "macro `unused`: undefined macro `nowhere`"),
        (
            rule("a.b = 1", "") + &rule("nowhere", "  enabled: false\n").replace(": R", ": S"),
            "rule `S`: undefined macro",
        ),
        (
            rule("a.b = 1", "  exceptions: [{name: e, fields: [a, b], values: [[1]]}]\n"),
            "2 fields but a row of 1 values",
        ),
        (rule("a.b = 1", "  exceptions: [{name: e, fields: a, comps: startswith}]\n"), "exception `e` has one field"),
        (rule("a.b = 1", "  append: true\n"), "no earlier rule of this name"),
        (rule("a.b = 1", "").replace("WARNING", "URGENT"), "`URGENT` is not a priority"),
        (rule("a.b = 1", "").replace("  output: o\n", ""), "rule `R`: it has no output"),
        ("- list: l\n  items: [1.10]\n".to_owned(), "put 1.1 in quotes"),
        ("- list: l\n  items: [A]\n  append: true\n".to_owned(), "list `l`: there is no earlier one"),
        ("- required_engine_version: soon\n".to_owned(), "required_engine_version is a number"),
        ("rule: R\n".to_owned(), "a rule file is a list of entries"),
        ("# nothing\n".to_owned(), "the rule files define no rule"),
    ] {
        let error = error(&[&text]);
        assert!(error.contains(part), "{text}\n{error}");
    }
}

#[test]
fn an_override_and_its_keys_must_agree() {
    for (entry, part) in [
        ("- rule: R\n  condition: x\n  output: y\n  override: {condition: replace}\n", "`output` is given, but"),
        ("- rule: R\n  condition: x\n  override: {condition: replace, output: append}\n", "the entry has none"),
        ("- rule: R\n  condition: x\n  override: {condition: replace, colour: append}\n", "`override` names `colour`"),
        ("- rule: R\n  enabled: false\n  override: {enabled: append}\n", "can only be replaced"),
        (
            "- rule: R\n  condition: x\n  append: true\n  override: {condition: append}\n",
            "either `append` or `override`",
        ),
    ] {
        let error = error(&[&rule("a.b = 1", ""), entry]);
        assert!(error.contains(part), "{entry}\n{error}");
    }
}

#[test]
fn needed_plugins_are_checked_by_name_major_and_version() {
    let needs = "
- required_plugin_versions:
  - name: json
    version: 0.7.4
    alternatives: [{name: cloudtrail, version: 0.20.0}]
";
    let set = load(&[needs, &rule("a.b = 1", "")]).unwrap();
    let plugin = |name: &str, version: &str| vec![(name.to_owned(), version.to_owned())];
    assert!(set.check_plugins(&plugin("cloudtrail", "0.20.0")).is_ok());
    assert!(set.check_plugins(&plugin("cloudtrail", "0.21.3")).is_ok());
    assert!(set.check_plugins(&plugin("json", "0.7.4")).is_ok());
    for (name, version) in [("cloudtrail", "0.19.9"), ("cloudtrail", "1.20.0"), ("json", "0.7.3"), ("other", "0.20.0")]
    {
        let error = set.check_plugins(&plugin(name, version)).unwrap_err().to_string();
        assert!(error.contains("json 0.7.4 or cloudtrail 0.20.0"), "{error}");
    }
}

#[test]
fn what_falco_ignores_is_ignored_with_a_warning() {
    let text = rule("a.b = 1", "  mitre: [T1562]\n  warn_evttypes: false\n  capture: true\n  capture_duration: 9\n")
        + "- template: x\n  colour: red\n"
        + "- rule: R\n  desc: more\n  condition: or a.b = 2\n  append: true\n"
        + "- rule: R\n  warn_evttypes: true\n  override: {warn_evttypes: replace}\n";
    let set = load(&[&text]).unwrap();
    assert_eq!(set.filters().unwrap()[0].1, "a.b = 1 or a.b = 2");
    assert_eq!(
        set.warnings(),
        [
            "rule `R`: the unknown key `mitre` is ignored",
            "an entry with the keys template, colour is ignored",
            "rule `R`: `append: true` adds condition and exceptions only, the rest is ignored: use `override`",
        ]
    );
}

#[test]
fn files_may_be_written_in_every_way_that_yaml_allows() {
    let text = "- list: names\n  items: &items [A, 012345678901]\n- list: again\n  items: *items\n- macro: m\n  \
                condition: >\n    a.b in (again)\n    and c.d exists\n";
    let expected = "(a.b in (A, 012345678901)\nand c.d exists)";
    for file in [
        format!("{text}{}", rule("m", "")),
        format!("\u{feff}{text}{}", rule("m", "")),
        format!("{text}{}", rule("m", "")).replace('\n', "\r\n"),
        format!("---\n{text}...\n---\n---\n# nothing\n---\n{}", rule("m", "")),
        format!("- \n{text}-\n{}", rule("m", "  enabled: Yes\n")),
    ] {
        assert_eq!(filter(&[&file]), expected.replace('\n', " "), "{file}");
    }
}

#[test]
fn an_exception_may_be_there_twice() {
    let exceptions = "  exceptions:\n  - {name: e, fields: a, values: [1]}\n  - {name: e, fields: b, values: [2]}\n";
    assert_eq!(filter(&[&rule("c.d = 1", exceptions)]), "(c.d = 1) and not (a in (1)) and not (b in (2))");
}
