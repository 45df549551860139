//! The Terraform modules: written as `terraform fmt` would, whole, and pinned. What the provider knows of their arguments is
//! not checked here, since the provider comes from a registry.

use super::{deploy, documents, succeeded, texts};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a folder of Terraform files declares and names.
#[derive(Default)]
struct Module {
    variables: BTreeMap<String, Value>,
    outputs: BTreeMap<String, Value>,
    modules: BTreeMap<String, Value>,
    /// `aws_sqs_queue.main`, `data.aws_region.current`, `local.account`.
    declared: BTreeSet<String>,
    /// What its expressions name, with the members behind: `var.name`, `aws_sqs_queue.main.arn`.
    named: BTreeSet<String>,
    providers: Vec<Value>,
}

/// Returns the entries of a list of objects, as Terraform's blocks are read.
fn entries(blocks: &Value) -> impl Iterator<Item = (&String, &Value)> {
    blocks.as_array().into_iter().flatten().filter_map(Value::as_object).flatten()
}

/// Adds what an expression names. Texts that are no expressions name nothing.
fn names(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains("${") => {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c));
            named.extend(words.filter(|word| word.contains('.')).map(|word| word.trim_matches('.').to_owned()));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, named)),
        Value::Object(members) => members.values().for_each(|item| names(item, named)),
        _ => {}
    }
}

fn modules() -> BTreeMap<PathBuf, Module> {
    let mut modules: BTreeMap<PathBuf, Module> = BTreeMap::new();
    for (path, file) in documents()["terraform"].as_object().unwrap() {
        let module = modules.entry(Path::new(path).parent().unwrap().to_owned()).or_default();
        let copy = |part: &str| entries(&file[part]).map(|(name, value)| (name.clone(), value.clone()));
        module.variables.extend(copy("variable"));
        module.outputs.extend(copy("output"));
        module.modules.extend(copy("module"));
        for (part, before) in [("resource", ""), ("data", "data.")] {
            for (kind, named) in entries(&file[part]) {
                module.declared.extend(named.as_object().unwrap().keys().map(|name| format!("{before}{kind}.{name}")));
            }
        }
        module.declared.extend(entries(&file["locals"]).map(|(name, _)| format!("local.{name}")));
        module.providers.extend(entries(&file["terraform"]).filter(|(name, _)| *name == "required_providers").map(
            |(_, providers)| {
                let version = entries(providers).next().unwrap().1["version"].clone();
                assert!(version.as_str().unwrap().starts_with("~> "), "{path}: {version}");
                version
            },
        ));
        names(file, &mut module.named);
    }
    modules
}

#[test]
fn every_variable_is_declared_described_and_used() {
    for (folder, module) in modules() {
        for (kind, declared) in [("variable", &module.variables), ("output", &module.outputs)] {
            for (name, body) in declared {
                let description = body["description"].as_str().unwrap_or_default();
                assert!(description.ends_with('.'), "{}: {kind} {name}", folder.display());
            }
        }
        let used: BTreeSet<&str> = module.named.iter().filter_map(|name| name.strip_prefix("var.")).collect();
        let declared: BTreeSet<&str> = module.variables.keys().map(String::as_str).collect();
        assert_eq!(used, declared, "{}", folder.display());
    }
}

#[test]
fn what_expressions_name_is_there() {
    let all = modules();
    for (folder, module) in &all {
        let place = folder.display();
        for name in &module.named {
            let parts: Vec<&str> = name.split('.').collect();
            let declared = match parts[..] {
                ["data", kind, name, ..] => format!("data.{kind}.{name}"),
                [kind, name, ..] if kind == "local" || kind.starts_with("aws_") => format!("{kind}.{name}"),
                ["module", called, output] => {
                    let source = module.modules[called]["source"].as_str().unwrap();
                    assert!(all[&resolved(folder, source)].outputs.contains_key(output), "{place}: {name}");
                    continue;
                }
                _ => continue,
            };
            assert!(module.declared.contains(&declared), "{place} names {name}, which it does not declare");
        }
    }
}

/// Returns the folder that a module's source leads to.
fn resolved(folder: &Path, source: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in source.split('/') {
        if part == ".." {
            path.pop();
        } else {
            path.push(part);
        }
    }
    path
}

#[test]
fn modules_are_called_with_what_they_take() {
    let all = modules();
    let mut called = BTreeSet::new();
    for (folder, module) in &all {
        for (name, call) in &module.modules {
            let source = resolved(folder, call["source"].as_str().unwrap());
            let taken = &all.get(&source).unwrap_or_else(|| panic!("no module {}", source.display())).variables;
            let given: BTreeSet<&String> = call.as_object().unwrap().keys().collect();
            for argument in given.iter().filter(|name| !["source", "providers"].contains(&name.as_str())) {
                assert!(taken.contains_key(*argument), "{}: {name} has no {argument}", folder.display());
            }
            for (variable, body) in taken {
                let is_given = given.contains(variable) || body.get("default").is_some();
                assert!(is_given, "{}: {name} lacks {variable}", folder.display());
            }
            called.insert(source);
        }
        assert_eq!(module.providers.len(), 1, "{} says which provider it needs, once", folder.display());
    }
    let versions: BTreeSet<String> = all.values().map(|module| module.providers[0].to_string()).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
    for folder in ["eventbridge", "forward", "trail", "role"] {
        assert!(called.contains(Path::new(folder)), "no example shows {folder}");
    }
}

#[test]
fn templates_and_modules_have_the_same_options_and_results() {
    // `OpenParams` is `open_params`.
    let snake = |name: &str| {
        let mut snake = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        snake
    };
    let all = modules();
    for (name, template) in documents()["templates"].as_object().unwrap() {
        let module = &all[Path::new(name)];
        for (part, is) in [("Parameters", &module.variables), ("Outputs", &module.outputs)] {
            let of_template: BTreeSet<String> =
                template[part].as_object().into_iter().flatten().map(|(name, _)| snake(name)).collect();
            assert_eq!(is.keys().cloned().collect::<BTreeSet<_>>(), of_template, "{name}");
        }
    }
}

/// Returns a resource of a module.
fn resource(file: &str, kind: &str, name: &str) -> &'static Value {
    let mut resources = entries(&documents()["terraform"][file]["resource"]);
    resources.find_map(|(of, named)| named.get(name).filter(|_| of == kind)).unwrap()
}

#[test]
fn queues_are_the_same_in_templates_and_modules() {
    let [queue, dead] = ["main", "dead_letters"].map(|name| resource("queue/main.tf", "aws_sqs_queue", name));
    for template in ["eventbridge", "trail", "bucket"] {
        let resources = &documents()["templates"][template]["Resources"];
        let properties = |name: &str| resources[name]["Properties"].clone();
        assert_eq!(properties("Queue")["VisibilityTimeout"], queue["visibility_timeout_seconds"]);
        assert_eq!(properties("Queue")["MessageRetentionPeriod"], queue["message_retention_seconds"]);
        assert_eq!(properties("DeadLetters")["MessageRetentionPeriod"], dead["message_retention_seconds"]);
        let receives = format!("maxReceiveCount = {}}}", properties("Queue")["RedrivePolicy"]["maxReceiveCount"]);
        assert!(queue["redrive_policy"].as_str().unwrap().contains(&receives), "{receives}: {queue}");
    }
}

#[test]
fn rules_are_the_same_in_templates_and_modules() {
    let locals = entries(&documents()["terraform"]["eventbridge/main.tf"]["locals"]);
    let of_bus = locals.into_iter().find(|(name, _)| *name == "pattern").unwrap().1;
    let rule = |file, name| resource(file, "aws_cloudwatch_event_rule", name);
    for (template, logical, rule, pattern) in [
        ("eventbridge", "Rule", rule("eventbridge/main.tf", "default"), of_bus),
        ("eventbridge", "BusRule", rule("eventbridge/main.tf", "bus"), of_bus),
        ("forward", "Rule", rule("forward/main.tf", "main"), &rule("forward/main.tf", "main")["event_pattern"]),
        ("bucket", "Rule", rule("bucket/main.tf", "main"), &rule("bucket/main.tf", "main")["event_pattern"]),
    ] {
        let properties = &documents()["templates"][template]["Resources"][logical]["Properties"];
        assert_eq!(properties["State"], rule["state"], "{template}: {logical}");
        let kinds = texts(&properties["EventPattern"]["detail-type"]);
        let quoted: Vec<String> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        let list = format!("detail-type = [{}]", quoted.join(", "));
        assert!(pattern.as_str().unwrap().contains(&list), "{template}: {pattern} has not {list}");
    }
}

#[test]
fn terraform_would_write_the_modules_so() {
    match Command::new("terraform").arg("fmt").args(["-check", "-recursive", "-diff"]).arg(deploy("terraform")).output()
    {
        Ok(output) => succeeded(&output),
        Err(_) => println!("skipped: no terraform"),
    }
}
