//! The dashboard for Grafana shows every metric, under the name that Falco gives it, in the way that its kind asks for.

use cloudtrail::metrics;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn array<'a>(of: &'a Value, member: &str) -> &'a Vec<Value> {
    of[member].as_array().unwrap_or_else(|| panic!("no {member} in {of}"))
}

/// Returns the metrics that a query names.
fn named(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("falcosecurity_"))
}

#[test]
fn the_dashboard_asks_for_every_metric_as_its_kind_asks_for() {
    let kinds: BTreeMap<String, &str> =
        metrics::all().map(|(name, kind, _)| (metrics::prometheus_name(&name.to_string_lossy()), kind)).collect();
    let dashboard = dashboard();
    let mut shown = BTreeSet::new();
    for target in array(&dashboard, "panels").iter().flat_map(|panel| array(panel, "targets")) {
        let expression = target["expr"].as_str().unwrap();
        assert!(named(expression).count() > 0, "{expression}");
        for name in named(expression) {
            let kind = kinds.get(name).unwrap_or_else(|| panic!("{name} is no metric"));
            let over_time = ["rate(", "increase("].iter().any(|word| expression.contains(&format!("{word}{name}")));
            assert_eq!(over_time, *kind == "counter", "{expression}: {name} is a {kind}");
            shown.insert(name);
        }
    }
    let missing: Vec<_> = kinds.keys().filter(|name| !shown.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
}

#[test]
fn panels_lie_beside_each_other_and_share_the_data_source_that_is_chosen() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39);
    let variables = array(&dashboard["templating"], "list");
    for variable in variables {
        let query = variable["query"]["query"].as_str().unwrap_or_default();
        let of_events = metrics::prometheus_name("events");
        assert!(variable["name"] != "instance" || query.contains(&of_events), "{variable}");
    }
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "instance"]);
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in array(&dashboard, "panels") {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |member: &str| panel["gridPos"][member].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(cells.insert((x, y)), "{} covers another panel", panel["title"]);
            }
        }
        let (mut references, targets) = (BTreeSet::new(), array(panel, "targets"));
        for of in targets.iter().chain([panel]) {
            assert_eq!(of["datasource"]["uid"], "${datasource}");
        }
        for target in targets {
            assert!(references.insert(target["refId"].as_str().unwrap()), "{panel}");
            assert!(target["expr"].as_str().unwrap().contains(r#"{instance=~"$instance"}"#), "{target}");
        }
    }
    let height = cells.iter().map(|(_, y)| y + 1).max().unwrap();
    assert_eq!(cells.len() as u64, 24 * height, "no gap");
}
