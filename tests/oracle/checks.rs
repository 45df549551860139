//! Holds the oracle and the fixtures to account: values typed by hand, every path of the contract
//! in some fixture, a manifest that matches its files.

use std::collections::{BTreeMap, BTreeSet};

use cloudtrail::fields::table::FIELDS;
use cloudtrail::fields::{CloudTrailFields, eval};
use extraction::{Argument, Fields, Found, RawKey};
use jsontext::scan::MAX_DEPTH;
use jsontext::{Index, Value};

use super::json::{self, Json};
use super::{Expect, FieldCase, Kind, Reading, expect, fields, fixtures, openings};

/// Every path that the contract reads, `#` for any item of an array.
const PATHS: &str = "
    eventID errorCode errorMessage eventTime eventSource eventName awsRegion sourceIPAddress userAgent
    userIdentity.type userIdentity.userName userIdentity.invokedBy userIdentity.arn userIdentity.principalId
    userIdentity.accountId userIdentity.accessKeyId userIdentity.sessionContext.sessionIssuer.userName
    userIdentity.sessionContext.sessionIssuer.arn userIdentity.sessionContext.sessionIssuer.type
    userIdentity.sessionContext.sourceIdentity userIdentity.sessionContext.attributes.creationDate
    userIdentity.sessionContext.attributes.mfaAuthenticated recipientAccountId
    responseElements responseElements.subnetId responseElements.instancesSet.items.#.subnetId
    responseElements.reservationId responseElements.instancesSet.items.#.imageId responseElements.ConsoleLogin
    requestParameters requestParameters.availabilityZone requestParameters.cluster
    requestParameters.functionName requestParameters.groupName requestParameters.Host
    requestParameters.name requestParameters.policy requestParameters.bucketPolicy requestParameters.reason
    requestParameters.target requestParameters.documentName requestParameters.serialNumber
    requestParameters.serviceName requestParameters.subnetId requestParameters.taskDefinition
    requestParameters.userName requestParameters.bucketName requestParameters.key
    requestParameters.PublicAccessBlockConfiguration.BlockPublicAcls
    requestParameters.PublicAccessBlockConfiguration.BlockPublicPolicy
    requestParameters.PublicAccessBlockConfiguration.IgnorePublicAcls
    requestParameters.PublicAccessBlockConfiguration.RestrictPublicBuckets
    requestParameters.tagSpecificationSet.items.#.resourceType
    requestParameters.tagSpecificationSet.items.#.tags.#.value
    requestParameters.instancesSet.items.#.imageId requestParameters.imageId
    requestParameters.DescribeFastLaunchImagesRequest.ImageId.content
    requestParameters.launchSpecification.imageId requestParameters.repositoryName
    requestParameters.imageTag requestParameters.roleName requestParameters.policyName
    additionalEventData additionalEventData.MFAUsed additionalEventData.bytesTransferredIn
    additionalEventData.bytesTransferredOut managementEvent readOnly requestID eventType apiVersion
    serviceEventDetails sharedEventID vpcEndpointId eventCategory edgeDeviceDetails
    resources.#.ARN resources.#.arn resources.#.type resources.#.accountId
    addendum.reason addendum.updatedFields addendum.originalRequestID addendum.originalEventID
    sessionCredentialFromConsole tlsDetails.tlsVersion tlsDetails.cipherSuite
    tlsDetails.clientProvidedHostHeader insightDetails.insightType insightDetails.state
    insightDetails.eventName insightDetails.eventSource
    insightDetails.insightContext.statistics.baseline.average
    insightDetails.insightContext.statistics.insight.average
    requestParameters.ipPermissions.items.#.ipRanges.items.#.cidrIp requestParameters.cidrIp
    requestParameters.ModifySecurityGroupRulesRequest.SecurityGroupRule.SecurityGroupRule.CidrIpv4
    requestParameters.portRange.from requestParameters.portInfo.cidrs requestParameters.portInfos.#.cidrs
    requestParameters.launchPermission.add.items.#.userId requestParameters.valuesToAdd
    requestParameters.createVolumePermission.add.items.#.group requestParameters.accountIdsToAdd
    requestParameters.principals requestParameters.granteePrincipal requestParameters.principal
    requestParameters.attributes.Policy requestParameters.attributeValue
    requestParameters.CreateVpcEndpointRequest.PolicyDocument requestParameters.instancesSet.items.#.maxCount
    requestParameters.LifecycleConfiguration.Rule.Expiration.Days
";

/// Keyed fields that are there to lead nowhere: odd indexes, and text that `ct.value` must not enter.
const NOWHERE: &[&str] = &[
    "ct.value[/resources/01]",
    "ct.value[/resources/-]",
    "ct.value[/requestParameters/policyDocument/Statement]",
    "ct.values[/eventName/*]",
];

/// The events of the fixtures and those that are made.
fn payloads() -> Vec<Vec<u8>> {
    let made = openings::events().into_iter().map(String::into_bytes);
    fixtures::events().into_iter().map(|event| event.payload).chain(made).collect()
}

fn present(value: &Json, path: &[&str]) -> bool {
    match (path, value) {
        ([], value) => *value != Json::Null,
        (["#", rest @ ..], Json::Arr(items)) => items.iter().any(|item| present(item, rest)),
        ([name, rest @ ..], value) => value.member(name).is_some_and(|member| present(member, rest)),
    }
}

#[test]
fn the_oracle_gives_the_values_typed_by_hand() {
    let payloads: BTreeMap<_, _> = fixtures::events().into_iter().map(|e| (e.name, e.payload)).collect();
    let mut wrong = Vec::new();
    let names = fixtures::expected_names();
    for name in &names {
        let payload = payloads.get(name).unwrap_or_else(|| panic!("no event {name}"));
        for (field, value) in fixtures::expected(name).unwrap() {
            let given = expect(&field, payload).shown();
            if given != value {
                wrong.push(format!("{name}: {field}\n  by hand {value}\n  oracle  {given}"));
            }
        }
    }
    assert!(names.len() >= 12, "only {} events have values typed by hand", names.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_path_of_the_contract_is_in_an_event() {
    let events: Vec<Json> = payloads().iter().filter_map(|payload| json::read(payload)).collect();
    let missing: Vec<&str> = PATHS
        .split_whitespace()
        .filter(|path| {
            let path: Vec<&str> = path.split('.').collect();
            !events.iter().any(|event| present(event, &path))
        })
        .collect();
    assert!(missing.is_empty(), "no event has {missing:?}");
}

#[test]
fn every_field_has_a_value_in_some_event_and_none_in_another() {
    // These are there for every event that is an object.
    const ALWAYS: &[&str] = &["ct.info", "evt.plugininfo"];
    let events: Vec<Reading> = payloads().iter().map(|payload| Reading::of(payload)).collect();
    for case in fields() {
        let given: Vec<Expect> = events.iter().map(|event| event.expect(case.text)).collect();
        let absent = given.iter().filter(|value| **value == Expect::Absent).count();
        assert_eq!(absent == events.len(), NOWHERE.contains(&case.text), "{} in no event", case.text);
        assert_eq!(absent == 0, ALWAYS.contains(&case.text), "{} in every event", case.text);
        let right = given.iter().all(|value| match value {
            Expect::Absent => true,
            Expect::Text(_) => matches!(case.kind, Kind::Text | Kind::Ip | Kind::Net),
            Expect::U64(_) => case.kind == Kind::U64,
            Expect::List(values) => {
                let is_place = case.arg().is_some_and(|arg| !arg.starts_with('/'));
                case.kind == Kind::List && !values.is_empty() && (!is_place || values.len() == 1)
            }
        });
        assert!(right, "{} gives a value of another type", case.text);
    }
}

/// What the plugin's own fields give, in the terms of the oracle.
fn given(case: &FieldCase, event: Value<'_>) -> Expect {
    let field = FIELDS.iter().position(|field| field.name == case.name()).unwrap();
    let index = case.arg().filter(|_| FIELDS[field].spec().argument == Argument::OptionalIndex);
    let raw = match (index, case.arg()) {
        (Some(index), _) => RawKey::Index(index.parse().unwrap()),
        (None, Some(text)) => RawKey::Text(text.as_bytes()),
        (None, None) => RawKey::None,
    };
    let mut out = Vec::new();
    let found = eval(&FIELDS[field], &CloudTrailFields::key(field, raw), event, &mut out);
    let text = |range: std::ops::Range<usize>| String::from_utf8(out[range].to_vec()).unwrap();
    match found {
        Found::Absent => Expect::Absent,
        Found::Text(_) => Expect::Text(text(0..out.len())),
        Found::Number(number) => Expect::U64(number),
        Found::Address(address) => Expect::Text(address.to_string()),
        Found::Texts(ends) => {
            let starts = std::iter::once(0).chain(ends.iter().copied());
            Expect::List(starts.zip(&ends).map(|(start, end)| text(start..*end)).collect())
        }
    }
}

#[test]
fn the_plugin_reads_made_events_as_the_oracle_does() {
    let cases: Vec<FieldCase> = fields().into_iter().filter(|case| case.text != "evt.plugininfo").collect();
    let mut wrong = Vec::new();
    for payload in payloads() {
        let (reading, mut index) = (Reading::of(&payload), Index::default());
        let event = index.read(&payload, MAX_DEPTH).unwrap();
        for case in &cases {
            let (expected, found) = (reading.expect(case.text), given(case, event));
            if found != expected {
                let payload = String::from_utf8_lossy(&payload);
                wrong.push(format!("{}: found {found:?}, expected {expected:?}\n  {payload}", case.text));
            }
        }
    }
    wrong.truncate(10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many of the made events have each value of a field.
fn spread(field: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in openings::events() {
        *counts.entry(expect(field, event.as_bytes()).shown()).or_default() += 1;
    }
    counts
}

#[test]
fn made_events_are_of_every_kind() {
    for field in
        ["ct.policy.public", "ct.policy.admin", "ct.ingress.public", "ct.ingress.public[22]", "ct.share.public"]
    {
        let counts = spread(field);
        assert!(
            ["true", "false", "<NA>"].iter().all(|value| counts.get(*value).is_some_and(|n| *n > 3)),
            "{field}: {counts:?}"
        );
    }
    for field in ["ct.policy.accounts", "ct.ingress.ports", "ct.share.accounts"] {
        let counts = spread(field);
        assert!(counts.len() > 5, "{field}: {counts:?}");
    }
}

#[test]
fn fields_are_listed_once() {
    let all = fields();
    let texts: BTreeSet<&str> = all.iter().map(|case| case.text).collect();
    assert_eq!(texts.len(), all.len());
    let names: BTreeSet<&str> = all.iter().map(FieldCase::name).collect();
    // The contract is the README's table, which leaves out `evt.plugininfo` and tells of it behind.
    let readme = include_str!("../../README.md");
    let table = readme.split("fields -->").nth(1).unwrap();
    let rows = table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    assert_eq!(names, rows.chain(["evt.plugininfo"]).collect());
}

#[test]
fn event_fixtures_are_events_with_distinct_ids() {
    let mut ids = BTreeSet::new();
    let events = fixtures::events();
    for event in &events {
        assert!(matches!(json::read(&event.payload), Some(Json::Obj(_))), "{} is no object", event.name);
        if let Expect::Text(id) = expect("ct.id", &event.payload) {
            assert!(ids.insert(id), "{} repeats an eventID", event.path.display());
        }
    }
    assert!(events.len() >= 40);
}

#[test]
fn payloads_that_are_no_object_have_no_field() {
    for payload in ["", "null", "42", "[]", "\"x\"", "{", "{\"eventName\":\"x\"", "{\"a\":[1,,2]}", "\u{feff}{}", "{}}"]
    {
        for case in fields() {
            assert_eq!(expect(case.text, payload.as_bytes()), Expect::Absent, "{} of {payload}", case.text);
        }
    }
}

#[test]
fn the_manifest_tells_of_every_file() {
    let files = fixtures::files();
    let told: BTreeSet<String> = files.iter().map(|f| f.name.clone()).collect();
    assert_eq!(told.len(), files.len(), "a file is told of twice");
    let found = std::fs::read_dir(fixtures::root().join("files")).unwrap().map(|e| e.unwrap());
    for entry in found {
        let name = entry.file_name().into_string().unwrap();
        assert!(name == "manifest.json" || told.contains(&name), "the manifest lacks {name}");
        assert!(entry.metadata().unwrap().len() < 20_000, "{name} is too large");
    }
    for file in &files {
        let bytes = std::fs::read(&file.path).unwrap();
        assert!(!file.why.is_empty());
        if bytes.starts_with(b"\x1f\x8b") {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        let mut rest: &str = text.as_ref();
        for id in file.ids.iter().flatten() {
            let at = rest.find(id.as_str()).unwrap_or_else(|| panic!("{}: no {id} in that order", file.name));
            rest = &rest[at + id.len()..];
        }
        if file.skips == Some(0) {
            let records = text.matches("\"eventVersion\"").count() as u64;
            let told = file.ids.len() as u64 + file.duplicates;
            assert_eq!(records, told, "{}: not every record is told of", file.name);
        }
    }
}
