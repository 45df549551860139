//! The CloudFormation templates are what AWS takes, and agree with each other on what several of them have.

use super::{deploy, documents, files, python, succeeded};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

#[test]
fn cfn_lint_has_nothing_to_say_of_the_templates() {
    let mut arguments: Vec<OsString> = vec!["-c".into(), "from cfnlint.runner import main; main()".into()];
    arguments.extend(files("cloudformation", "yaml").into_iter().map(OsString::from));
    succeeded(&python(arguments));
}

/// Returns the resources of a kind, each with the name of its template.
fn resources(kind: &str) -> Vec<(&'static str, &'static Value)> {
    let templates = documents()["templates"].as_object().unwrap();
    let all = templates.iter().flat_map(|(template, document)| {
        document["Resources"].as_object().unwrap().values().map(move |resource| (template.as_str(), resource))
    });
    all.filter(|(_, resource)| resource["Type"] == kind).collect()
}

#[test]
fn every_queue_is_encrypted_takes_no_plain_http_and_has_a_policy() {
    let (queues, policies) = (resources("AWS::SQS::Queue"), resources("AWS::SQS::QueuePolicy"));
    assert_eq!((queues.len(), policies.len()), (6, 6));
    for (template, queue) in queues {
        assert!(queue["Properties"].get("SqsManagedSseEnabled").is_some(), "{template}: {queue}");
    }
    for (template, policy) in policies {
        let statements = policy["Properties"]["PolicyDocument"]["Statement"].as_array().unwrap();
        for statement in statements {
            let condition = &statement["Condition"];
            if statement["Effect"] == "Allow" {
                assert_eq!(statement["Action"], "sqs:SendMessage", "{template}");
                assert!(condition["ArnEquals"].get("aws:SourceArn").is_some(), "{template}: {statement}");
            } else {
                assert_eq!(condition, &json!({"Bool": {"aws:SecureTransport": "false"}}), "{template}");
            }
        }
        assert!(statements.iter().any(|statement| statement["Effect"] == "Deny"), "{template}");
    }
}

#[test]
fn every_parameter_and_output_has_a_description() {
    for (name, template) in documents()["templates"].as_object().unwrap() {
        for part in ["Parameters", "Outputs"] {
            for (entry, described) in template[part].as_object().into_iter().flatten() {
                let text = described["Description"].as_str().unwrap_or_default();
                assert!(text.ends_with('.'), "{name}: {entry}");
            }
        }
    }
}

/// Returns the commands of deploy/README.md, each as one line.
fn commands() -> Vec<String> {
    let text = fs::read_to_string(deploy("README.md")).unwrap().replace("\\\n", " ");
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(|block| block.lines().map(str::to_owned)).collect()
}

#[test]
fn the_commands_of_the_document_give_parameters_that_the_templates_have() {
    let mut used = BTreeSet::new();
    for command in commands() {
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some(name) = words.iter().find_map(|word| word.split_once("deploy/cloudformation/")) else { continue };
        let name = name.1.strip_suffix(".yaml").unwrap();
        let template = &documents()["templates"][name];
        let has_names = template["Resources"]["Role"]["Properties"].get("RoleName").is_some();
        let capability = if has_names { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" };
        assert!(words.contains(&capability), "{command}");
        let given = words.iter().skip_while(|word| !word.starts_with("--parameter"));
        let pairs = given.filter_map(|word| word.trim_start_matches("ParameterKey=").split_once(['=', ',']));
        for (parameter, _) in pairs {
            assert!(template["Parameters"].get(parameter).is_some(), "{name} has no {parameter}: {command}");
        }
        used.insert(name.to_owned());
    }
    assert_eq!(used.len(), files("cloudformation", "yaml").len(), "{used:?}");
}
