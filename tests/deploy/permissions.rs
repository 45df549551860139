//! One table of permissions: the policies in deploy/ and in the documents allow what src/aws calls, and nothing else.

use super::{deploy, documents, files, objects, texts};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The calls that src/aws makes, and the permission that each needs, if any.
pub const CALLS: &[(&str, Option<&str>)] = &[
    ("assume_role", Some("sts:AssumeRole")),
    ("change_message_visibility_batch", Some("sqs:ChangeMessageVisibility")),
    ("delete_message_batch", Some("sqs:DeleteMessage")),
    ("get_caller_identity", None),
    ("get_object", Some("s3:GetObject")),
    ("get_queue_attributes", Some("sqs:GetQueueAttributes")),
    ("get_queue_url", Some("sqs:GetQueueUrl")),
    ("list_objects_v2", Some("s3:ListBucket")),
    ("list_public_keys", Some("cloudtrail:ListPublicKeys")),
    ("list_regions", Some("account:ListRegions")),
    ("lookup_events", Some("cloudtrail:LookupEvents")),
    ("receive_message", Some("sqs:ReceiveMessage")),
];

/// The statements that policies are made of, by their `Sid`.
const STATEMENTS: &[(&str, &[&str])] = &[
    ("AssumeRoles", &["sts:AssumeRole"]),
    // S3 and SQS ask for it in the reader's name.
    ("Decrypt", &["kms:Decrypt"]),
    ("ListBucket", &["s3:ListBucket"]),
    ("ListPublicKeys", &["cloudtrail:ListPublicKeys"]),
    ("ListRegions", &["account:ListRegions"]),
    ("LookupEvents", &["cloudtrail:LookupEvents"]),
    ("ReadObjects", &["s3:GetObject"]),
    (
        "ReadQueue",
        &[
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
        ],
    ),
    // Not of the reader: what a rule of EventBridge does with the bus of another region.
    ("Send", &["events:PutEvents"]),
];

/// The policies of deploy/iam, each with the statements that its source needs.
const POLICIES: &[(&str, &[&str])] = &[
    ("key", &["Decrypt"]),
    ("lookup", &["LookupEvents"]),
    ("lookup-all", &["ListRegions", "LookupEvents"]),
    ("roles", &["AssumeRoles"]),
    ("s3", &["ListBucket", "ReadObjects"]),
    ("s3-digests", &["ListBucket", "ListPublicKeys", "ReadObjects"]),
    ("sqs-events", &["ReadQueue"]),
    ("sqs-objects", &["ListBucket", "ReadObjects", "ReadQueue"]),
];

/// The policies that the templates and the modules make, each with the statements of it.
const MADE: &[(&str, &str, &str, &[&str])] = &[
    ("eventbridge", "ReaderPolicy", "queue/reader", &["Decrypt", "ReadQueue"]),
    ("trail", "QueueReaderPolicy", "trail/queue_reader", &["Decrypt", "ListBucket", "ReadObjects", "ReadQueue"]),
    ("trail", "BucketReaderPolicy", "trail/bucket_reader", &["Decrypt", "ListBucket", "ListPublicKeys", "ReadObjects"]),
    ("bucket", "QueueReaderPolicy", "bucket/queue_reader", &["Decrypt", "ListBucket", "ReadObjects", "ReadQueue"]),
    (
        "bucket",
        "BucketReaderPolicy",
        "bucket/bucket_reader",
        &["Decrypt", "ListBucket", "ListPublicKeys", "ReadObjects"],
    ),
    ("role", "HistoryPolicy", "role/history", &["ListRegions", "LookupEvents"]),
    ("role", "RolesPolicy", "role/roles", &["AssumeRoles"]),
    ("forward", "Role", "forward/send", &["Send"]),
];

fn actions_of(sid: &str) -> BTreeSet<&'static str> {
    let row = STATEMENTS.iter().find(|(name, _)| *name == sid);
    row.unwrap_or_else(|| panic!("no statement {sid} in the table")).1.iter().copied().collect()
}

/// Returns the code of src/aws without white space, comments and unit tests.
fn code() -> String {
    fn add(folder: &Path, code: &mut String) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                add(&path, code);
            } else {
                let text = fs::read_to_string(path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                code.extend(lines.flat_map(|line| line.chars().filter(|c| !c.is_whitespace())));
            }
        }
    }
    let mut code = String::new();
    add(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"), &mut code);
    code
}

#[test]
fn every_call_to_aws_has_its_permission_in_the_table() {
    let code = code();
    let calls: BTreeSet<&str> = ["client.", "from_conf(config.build())."]
        .iter()
        .flat_map(|of| code.split(of).skip(1))
        .filter_map(|rest| rest.split_once("()").map(|(name, _)| name))
        .filter(|name| *name != "clone" && name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '2'))
        .collect();
    assert_eq!(calls, CALLS.iter().map(|(call, _)| *call).collect());
    assert_eq!(code.matches(".send()").count(), CALLS.len(), "a call that is made in another way");
    let needed: BTreeSet<&str> = CALLS.iter().filter_map(|(_, action)| *action).chain(["kms:Decrypt"]).collect();
    let statements = STATEMENTS.iter().filter(|(sid, _)| *sid != "Send");
    assert_eq!(statements.flat_map(|(_, actions)| *actions).copied().collect::<BTreeSet<_>>(), needed);
}

/// Returns the statements that allow something to whoever has the policy, by their `Sid`, and checks their actions.
fn allowed<'a>(place: &str, document: &'a Value) -> BTreeSet<&'a str> {
    let member = |statement: &'a Value, name: &str| {
        let lower = name.to_lowercase();
        [name.to_owned(), format!("{lower}s"), lower].iter().find_map(|name| statement.get(name))
    };
    let is_one = |object: &Value| {
        let has = |names: [&str; 2]| names.iter().any(|name| object.get(name).is_some());
        has(["Action", "actions"]) && !has(["Principal", "principals"])
    };
    let mut sids = BTreeSet::new();
    for statement in objects(document, &is_one) {
        let sid = member(statement, "Sid").and_then(Value::as_str).unwrap_or_else(|| panic!("{place}: {statement}"));
        let actions: BTreeSet<&str> = texts(member(statement, "Action").unwrap()).into_iter().collect();
        assert_eq!(actions, actions_of(sid), "{place}: {sid}");
        assert!(member(statement, "Effect").is_none_or(|effect| effect == "Allow"), "{place}: {sid}");
        sids.insert(sid);
    }
    sids
}

#[test]
fn the_policies_of_each_source_allow_what_it_calls() {
    let mut seen = BTreeSet::new();
    for file in files("iam", "json") {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let policy: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(policy["Version"], "2012-10-17", "{name}");
        if name == "trust" {
            assert_eq!(policy["Statement"][0]["Action"], "sts:AssumeRole");
            continue;
        }
        let row = POLICIES.iter().find(|(policy, _)| *policy == name);
        let (_, sids) = row.unwrap_or_else(|| panic!("no {name} in the table"));
        assert_eq!(allowed(&name, &policy), sids.iter().copied().collect(), "{name}");
        seen.insert(name);
    }
    assert_eq!(seen.len(), POLICIES.len(), "{seen:?}");
}

/// Returns the policy documents of the Terraform modules, each by module and name, with those that it takes in.
fn terraform_policies() -> BTreeMap<String, Value> {
    let mut policies = BTreeMap::new();
    for (path, file) in documents()["terraform"].as_object().unwrap() {
        for data in file["data"].as_array().into_iter().flatten() {
            for (name, policy) in data["aws_iam_policy_document"].as_object().into_iter().flatten() {
                policies.insert(format!("{}/{name}", path.split('/').next().unwrap()), policy.clone());
            }
        }
    }
    policies
}

#[test]
fn templates_and_modules_make_the_same_policies() {
    let terraform = terraform_policies();
    for (template, resource, document, sids) in MADE {
        let expected: BTreeSet<&str> = sids.iter().copied().collect();
        let resource = &documents()["templates"][template]["Resources"][resource];
        assert_eq!(allowed(template, resource), expected, "{template}");
        let (module, _) = document.split_once('/').unwrap();
        let policy = &terraform[*document];
        let mut found = allowed(document, policy);
        for source in texts(&policy["source_policy_documents"]) {
            let source = match source.trim_matches(['$', '{', '}']).split('.').collect::<Vec<_>>()[..] {
                ["data", "aws_iam_policy_document", name, "json"] => format!("{module}/{name}"),
                ["module", "queue", "reader_policy"] => "queue/reader".to_owned(),
                _ => panic!("{document}: {source}"),
            };
            found.extend(allowed(&source, &terraform[&source]));
        }
        assert_eq!(found, expected, "{document}");
    }
    // No other policy lets its holder do anything.
    let made = |place: &str| MADE.iter().any(|(template, _, document, _)| *template == place || *document == place);
    for (name, policy) in &terraform {
        let is_part = ["trail/objects", "bucket/objects"].contains(&name.as_str());
        assert!(made(name) || is_part || allowed(name, policy).is_empty(), "{name} is in no row");
    }
    for (template, document) in documents()["templates"].as_object().unwrap() {
        for (name, resource) in document["Resources"].as_object().unwrap() {
            let is_made = MADE.iter().any(|(of, resource, ..)| of == template && resource == name);
            assert!(is_made || allowed(template, resource).is_empty(), "{template}: {name} is in no row");
        }
    }
}

/// Returns the documents for people: those at the root, in docs/ and in deploy/.
fn markdown() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs"), deploy("")];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn the_policies_in_the_documents_are_made_of_the_same_statements() {
    let mut seen = BTreeSet::new();
    for file in markdown() {
        let text = fs::read_to_string(&file).unwrap();
        let blocks = text.split("```json\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
        for block in blocks.filter(|block| block.contains("\"Statement\"")) {
            let policy: Value = serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"));
            for statement in objects(&policy, &|object| object.get("Action").is_some()) {
                let actions: BTreeSet<&str> = texts(&statement["Action"]).into_iter().collect();
                let whole = STATEMENTS.iter().filter(|(sid, _)| actions_of(sid).is_subset(&actions));
                let known: BTreeSet<&str> = whole.flat_map(|(_, actions)| *actions).copied().collect();
                assert_eq!(actions, known, "{}", file.display());
                seen.extend(known);
            }
        }
    }
    assert!(seen.contains("cloudtrail:LookupEvents") && seen.contains("sqs:DeleteMessage"), "{seen:?}");
}
