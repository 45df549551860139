//! The templates, applied to moto: what they make is as it is written, and the plugin reads from it what AWS would put
//! there. What moto's CloudFormation lacks is in tests/aws/cloudformation.py; the alarm is not made.

use super::permissions::CALLS;
use super::{deploy, texts};
use crate::aws::consumer::{Source, sorted};
use crate::aws::faults::Fault;
use crate::aws::http::Message;
use crate::aws::logs::{Log, ids, inline_event};
use crate::aws::proxy::Proxy;
use crate::aws::server::{ACCOUNT, Queue, server, unique};
use crate::oracle::generate::event_id;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::fs;

const HOME: &str = "us-east-1";
const OTHER: &str = "eu-west-1";
const ORGANIZATION: &str = "o-a1b2c3d4e5";

/// A stack of one template. Its name is that of what it makes, too.
struct Stack {
    name: String,
    outputs: HashMap<String, String>,
}

/// Returns the text between two others, in each place where it stands so.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

/// Calls an action of a service that speaks XML.
fn query(region: &str, service: &str, action: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = format!("Action={action}");
    for (name, value) in parameters {
        write!(form, "&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)).unwrap();
    }
    let request = Message::new("POST / HTTP/1.1").with("Content-Type", "application/x-www-form-urlencoded").body(form);
    let answer = server().ask_as(region, service, request);
    assert_eq!(answer.status(), 200, "{action}: {}", answer.text());
    answer.text()
}

impl Stack {
    fn make(template: &str, region: &str, name_parameter: &str, parameters: &[(&str, &str)]) -> Self {
        let name = unique(template);
        let body = fs::read_to_string(deploy("cloudformation").join(template).with_extension("yaml")).unwrap();
        let all: Vec<_> = [(name_parameter, name.as_str())].into_iter().chain(parameters.iter().copied()).collect();
        let mut form = vec![("StackName".to_owned(), name.as_str()), ("TemplateBody".to_owned(), &body)];
        for (number, (key, value)) in (1..).zip(all) {
            form.push((format!("Parameters.member.{number}.ParameterKey"), key));
            form.push((format!("Parameters.member.{number}.ParameterValue"), value));
        }
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        query(region, "cloudformation", "CreateStack", &form);
        let told = query(region, "cloudformation", "DescribeStacks", &[("StackName", &name)]);
        assert!(told.contains("<StackStatus>CREATE_COMPLETE<"), "{told}");
        let part = |tag: &str| between(&told, &format!("<{tag}>"), &format!("</{tag}>"));
        let outputs = part("OutputKey").into_iter().zip(part("OutputValue"));
        let outputs = outputs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { name, outputs }
    }

    fn queue(&self) -> Queue {
        Queue { name: self.name.clone(), url: format!("{}/{ACCOUNT}/{}", server().url(), self.name) }
    }

    /// Holds the queue to what the README asks for, and returns its attributes.
    fn attributes(&self) -> Value {
        let of = |url: &str| {
            let answer = server().sqs("GetQueueAttributes", &json!({"QueueUrl": url, "AttributeNames": ["All"]}));
            answer["Attributes"].clone()
        };
        let parsed = |text: &Value| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap();
        let (mut queue, dead) = (of(&self.queue().url), of(&format!("{}-dead-letters", self.queue().url)));
        let redrive = parsed(&queue["RedrivePolicy"]);
        assert_eq!(redrive["deadLetterTargetArn"], dead["QueueArn"]);
        assert!(redrive["maxReceiveCount"].as_u64().unwrap() >= 5, "{redrive}");
        assert_eq!(queue["VisibilityTimeout"], "60");
        assert_eq!(dead["MessageRetentionPeriod"], "1209600");
        queue["Policy"] = parsed(&queue["Policy"]);
        queue
    }

    /// Reads the queue until it is empty, and holds the calls for that to the policy of the stack.
    #[track_caller]
    fn read(&self, policy: &str) -> Vec<String> {
        let (queue, proxy) = (self.queue(), Proxy::start(|_| Fault::None));
        let mut consumer = Source::new(&self.outputs["OpenParams"]).through(&proxy).start();
        consumer.read_until("the queue is empty", || queue.len() == 0);
        let (read, _) = consumer.stop();
        let arn = &self.outputs[policy];
        let version = [("PolicyArn", arn.as_str()), ("VersionId", "v1")];
        let told = query(HOME, "iam", "GetPolicyVersion", &version);
        let document = between(&told, "<Document>", "</Document>")[0];
        let document = percent_encoding::percent_decode_str(document).decode_utf8().unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        let statements = document["Statement"].as_array().unwrap();
        let allowed: BTreeSet<&str> = statements.iter().flat_map(|statement| texts(&statement["Action"])).collect();
        for seen in proxy.seen() {
            let is_call = |call: &str| call.replace('_', "") == seen.request.action.to_lowercase();
            let call = CALLS.iter().find(|(call, _)| is_call(call));
            let (_, action) = call.unwrap_or_else(|| panic!("no {} in the table", seen.request.action));
            assert!(action.is_none_or(|action| allowed.contains(action)), "{action:?} is not allowed: {allowed:?}");
        }
        read
    }
}

/// Returns what a rule says of itself, with its pattern as JSON, and holds its only target to this ARN.
fn rule(region: &str, bus: &str, name: &str, target: &str) -> Value {
    let call = |action: &str, parameters| server().json(region, "events", &format!("AWSEvents.{action}"), &parameters);
    let mut rule = call("DescribeRule", json!({"Name": name, "EventBusName": bus}));
    rule["EventPattern"] = serde_json::from_str(rule["EventPattern"].as_str().unwrap()).unwrap();
    let targets = call("ListTargetsByRule", json!({"Rule": name, "EventBusName": bus}));
    assert_eq!(targets["Targets"].as_array().unwrap().len(), 1, "{targets}");
    assert_eq!(targets["Targets"][0]["Arn"], target);
    rule
}

/// Puts an event on the default bus of a region, as AWS puts those of CloudTrail there.
fn put_event(region: &str, source: &str, body: &str) {
    let event: Value = serde_json::from_str(body).unwrap();
    let entry = json!({"Source": source, "DetailType": event["detail-type"], "Detail": event["detail"].to_string()});
    let answer = server().json(region, "events", "AWSEvents.PutEvents", &json!({"Entries": [entry]}));
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
}

#[test]
fn events_of_eventbridge_reach_the_plugin_from_every_region_that_sends_them() {
    let parameters = [("CustomerKey", "true"), ("OrganizationId", ORGANIZATION), ("SenderAccounts", "222233334444")];
    let stack = Stack::make("eventbridge", HOME, "Name", &parameters);
    let attributes = stack.attributes();
    assert!(attributes["KmsMasterKeyId"].as_str().unwrap().contains(":key/"), "{attributes}");
    let arn = stack.queue().arn();
    let rules = ["default", &stack.name].map(|bus| rule(HOME, bus, &stack.name, &arn));
    let sources = &attributes["Policy"]["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"];
    assert_eq!(sources, &json!([rules[0]["Arn"], rules[1]["Arn"]]), "only the rules may send");
    for rule in &rules {
        assert_eq!(rule["State"], "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS");
    }
    let bus = server().json(HOME, "events", "AWSEvents.DescribeEventBus", &json!({"Name": stack.name}));
    let senders = bus["Policy"].as_str().unwrap();
    assert!(senders.contains(ORGANIZATION) && senders.contains("222233334444"), "{senders}");

    let bus = stack.outputs["BusArn"].as_str();
    let forward = Stack::make("forward", OTHER, "Name", &[("BusArn", bus)]);
    assert_eq!(rule(OTHER, "default", &forward.name, bus)["Arn"], forward.outputs["RuleArn"]);

    let kinds = texts(&rules[0]["EventPattern"]["detail-type"]);
    for (number, kind) in (0..).zip(&kinds) {
        put_event(HOME, "aws.iam", &inline_event(kind, number));
        put_event(OTHER, "aws.iam", &inline_event(kind, 10 + number));
    }
    put_event(HOME, "my.program", &inline_event(kinds[0], 20));
    put_event(HOME, "aws.ec2", &inline_event("EC2 Instance State-change Notification", 21));
    let expected: Vec<String> = (0..4).chain(10..14).map(event_id).collect();
    assert_eq!((kinds.len(), sorted(stack.read("ReaderPolicyArn"))), (4, expected));
}

#[test]
fn logs_of_the_trail_reach_the_plugin() {
    let bucket = unique("bucket-of-trail");
    let parameters = [("BucketName", bucket.as_str()), ("CustomerKey", "true"), ("OrganizationId", ORGANIZATION)];
    let stack = Stack::make("trail", HOME, "Name", &parameters);
    let attributes = stack.attributes();
    assert_eq!(attributes["SqsManagedSseEnabled"], "true");
    let condition = &attributes["Policy"]["Statement"][0]["Condition"];
    assert_eq!(condition["ArnEquals"]["aws:SourceArn"], format!("arn:aws:s3:::{bucket}"));
    assert_eq!(condition["StringEquals"]["aws:SourceAccount"], ACCOUNT);

    let target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.GetTrail";
    let trail = &server().json(HOME, "cloudtrail", target, &json!({"Name": stack.name}))["Trail"];
    for on in ["IsMultiRegionTrail", "IsOrganizationTrail", "LogFileValidationEnabled", "IncludeGlobalServiceEvents"] {
        assert_eq!(trail[on], true, "{on}: {trail}");
    }
    assert!(trail["KmsKeyId"].as_str().unwrap().contains(":key/"), "{trail}");

    let told = |part: &str| server().s3("GET", &format!("/{bucket}?{part}")).text();
    assert!(told("encryption").contains("AES256") && told("versioning").contains("Enabled"));
    assert_eq!(told("publicAccessBlock").matches("true").count(), 4);
    let policy: Value = serde_json::from_str(&told("policy")).unwrap();
    let [looks, writes, tls] = &policy["Statement"].as_array().unwrap()[..] else { panic!("{policy}") };
    let of_trail = format!("arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{}", stack.name);
    assert_eq!((&looks["Action"], &writes["Action"]), (&json!("s3:GetBucketAcl"), &json!("s3:PutObject")));
    for statement in [looks, writes] {
        assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceArn"], of_trail);
    }
    let folder = |owner: &str| format!("arn:aws:s3:::{bucket}/AWSLogs/{owner}/*");
    assert_eq!(writes["Resource"], json!([folder(ACCOUNT), folder(ORGANIZATION)]));
    assert_eq!(tls["Effect"], "Deny");
    // Moto does not look at conditions, and thus would deny everything.
    server().s3("DELETE", &format!("/{bucket}?policy"));

    let keys = ["a.json.gz", "CloudTrail-Digest/b.json.gz", "c.txt"].map(|name| format!("AWSLogs/{ACCOUNT}/{name}"));
    let logs: Vec<Log> = (0..).zip(keys).map(|(number, key)| Log::new(key, 10 * number, 3)).collect();
    server().put(&bucket, logs.iter().map(Log::object));
    server().put(&bucket, [Log::new("elsewhere/AWSLogs/d.json.gz", 40, 3).object()]);
    // S3's own message that tries the queue, a log and a digest; the others are left out by the filter.
    assert_eq!(stack.queue().len(), 3);
    assert_eq!(sorted(stack.read("QueueReaderPolicyArn")), ids(&logs[..1]));
    let read = Source::new(&stack.outputs["OpenParamsOfBucket"]).read();
    assert_eq!(sorted(read), ids(&logs[..1]));
}

#[test]
fn logs_of_a_bucket_that_was_there_before_reach_the_plugin() {
    let bucket = server().bucket("existing");
    let stack = Stack::make("bucket", HOME, "Name", &[("BucketName", &bucket)]);
    let policy = &stack.attributes()["Policy"]["Statement"][0];
    let rule = rule(HOME, "default", &stack.name, &stack.queue().arn());
    assert_eq!(policy["Condition"]["ArnEquals"]["aws:SourceArn"], rule["Arn"]);
    let on = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";
    let request = Message::new(format!("PUT /{bucket}?notification HTTP/1.1")).body(on);
    assert_eq!(server().ask_as(HOME, "s3", request).status(), 200);
    let logs = [Log::new("AWSLogs/a.json.gz", 0, 3), Log::new("AWSLogs/b.txt", 10, 3)];
    server().put(&bucket, logs.iter().map(Log::object));
    assert_eq!(sorted(stack.read("QueueReaderPolicyArn")), ids(&logs[..1]));
}

/// Returns a role's trust policy.
fn trust(role: &str) -> Value {
    let told = query(HOME, "iam", "GetRole", &[("RoleName", role)]);
    let policy = between(&told, "<AssumeRolePolicyDocument>", "</AssumeRolePolicyDocument>")[0];
    let policy = percent_encoding::percent_decode_str(policy).decode_utf8().unwrap();
    serde_json::from_str::<Value>(&policy).unwrap()["Statement"][0].clone()
}

#[test]
fn the_role_is_for_pods_for_another_account_or_for_instances() {
    let provider = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE";
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}");
    let parameters = [("OidcProviderArn", arn.as_str()), ("Namespace", "security"), ("EventHistory", "all")];
    let pods = Stack::make("role", HOME, "RoleName", &parameters);
    let trusted = trust(&pods.name);
    assert_eq!(trusted["Principal"]["Federated"], arn);
    assert_eq!(trusted["Action"], "sts:AssumeRoleWithWebIdentity");
    let conditions = &trusted["Condition"]["StringEquals"];
    assert_eq!(conditions[format!("{provider}:sub")], "system:serviceaccount:security:falco");
    assert_eq!(conditions[format!("{provider}:aud")], "sts.amazonaws.com");
    assert_eq!(pods.outputs["RoleArn"], format!("arn:aws:iam::{ACCOUNT}:role/{}", pods.name));

    let reader = "arn:aws:iam::111122223333:role/falco";
    let far = Stack::make("role", HOME, "RoleName", &[("TrustedArn", reader), ("ExternalId", "an-id")]);
    let trusted = trust(&far.name);
    assert_eq!((&trusted["Principal"]["AWS"], &trusted["Action"]), (&json!(reader), &json!("sts:AssumeRole")));
    assert_eq!(trusted["Condition"]["StringEquals"]["sts:ExternalId"], "an-id");

    let instances = Stack::make("role", HOME, "RoleName", &[("AssumeRoleArns", far.outputs["RoleArn"].as_str())]);
    let trusted = trust(&instances.name);
    assert_eq!((&trusted["Principal"]["Service"], trusted.get("Condition")), (&json!("ec2.amazonaws.com"), None));
    let told = query(HOME, "iam", "GetRolePolicy", &[("RoleName", &instances.name), ("PolicyName", "roles")]);
    assert!(told.contains(&far.name) && told.contains("sts%3AAssumeRole"), "{told}");
}
