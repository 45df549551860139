//! An independent reading of CloudTrail events: what every field must give for a payload, worked
//! out slowly and simply from the contract of the fields. The plugin is compared with it; it shares
//! no code with the plugin. Expectations typed by hand (in `fixtures/events/expected` and in the
//! tests below) hold the oracle itself to account. Where the contract says nothing, a comment that
//! starts with `silent:` tells what was chosen.
#![allow(clippy::panic, clippy::unwrap_used, reason = "test support may fail a test at once")]

mod cases;
#[cfg(test)]
mod checks;
mod derived;
pub mod fixtures;
pub mod generate;
mod json;
mod lists;
mod opening;
pub mod openings;
mod pointer;
mod policies;

pub use cases::{FieldCase, Kind, fields};
use json::Json;

/// What a field must give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// `exists` is false, and an output shows `<NA>`.
    Absent,
    Text(String),
    List(Vec<String>),
    U64(u64),
}

impl Expect {
    /// Returns the value as an output of the host shows it: `<NA>`, the text, `(a,b)`, or the
    /// number.
    pub fn shown(&self) -> String {
        match self {
            Expect::Absent => "<NA>".into(),
            Expect::Text(text) => text.clone(),
            Expect::List(values) => format!("({})", values.join(",")),
            Expect::U64(number) => number.to_string(),
        }
    }
}

/// One event, read once.
pub struct Reading(Json);

impl Reading {
    /// Reads a payload; of one that is no JSON object every field is absent.
    pub fn of(payload: &[u8]) -> Self {
        Reading(json::read(payload).unwrap_or(Json::Null))
    }

    /// Tells what `field`, written as in a rule (`ct.name`, `ct.value[/eventName]`), must give.
    /// Panics on a field that the contract does not have.
    pub fn expect(&self, field: &str) -> Expect {
        let (name, arg) = split(field);
        let event = &self.0;
        if !matches!(event, Json::Obj(_)) {
            return Expect::Absent;
        }
        match name {
            "ec2.imageids" => list(lists::image_ids(event, index(arg))),
            "ct.resources.arn" => list(lists::resources(event, &["ARN", "arn"], index(arg))),
            "ct.resources.type" => list(lists::resources(event, &["type"], index(arg))),
            "ct.resources.accountid" => list(lists::resources(event, &["accountId"], index(arg))),
            "ct.values" => {
                list(pointer::all(event, arg.unwrap_or_default()).into_iter().filter_map(value_text).collect())
            }
            "ct.policy.accounts" => list(one_of(policies::accounts(event).unwrap_or_default(), index(arg))),
            "ct.ingress.ports" => list(one_of(opening::ports(event), index(arg))),
            "ct.share.accounts" => list(one_of(opening::shared_with(event), index(arg))),
            "ec2.instancecount" => opening::instance_count(event).map_or(Expect::Absent, Expect::U64),
            "s3.expirydays" => opening::expiry_days(event).map_or(Expect::Absent, Expect::U64),
            "s3.bytes" | "s3.bytes.in" | "s3.bytes.out" | "s3.cnt.get" | "s3.cnt.put" | "s3.cnt.other" => {
                derived::number(name, event).map_or(Expect::Absent, Expect::U64)
            }
            _ => text_field(name, arg, event).map_or(Expect::Absent, |text| Expect::Text(no_nul(&text))),
        }
    }
}

/// Tells what `field` must give for one payload; see [`Reading::expect`].
pub fn expect(field: &str, payload: &[u8]) -> Expect {
    Reading::of(payload).expect(field)
}

/// Splits a field as written into its name and its argument.
fn split(field: &str) -> (&str, Option<&str>) {
    match field.split_once('[') {
        Some((name, arg)) => (name, arg.strip_suffix(']')),
        None => (field, None),
    }
}

fn index(arg: Option<&str>) -> Option<usize> {
    arg.map(|digits| digits.parse().unwrap())
}

/// All values, or those of one index.
fn one_of(mut values: Vec<String>, index: Option<usize>) -> Vec<String> {
    match index {
        Some(index) if index < values.len() => vec![values.swap_remove(index)],
        Some(_) => Vec::new(),
        None => values,
    }
}

fn list(values: Vec<String>) -> Expect {
    // silent: a list without any value; a field without a value is not present.
    if values.is_empty() {
        return Expect::Absent;
    }
    Expect::List(values.iter().map(|v| no_nul(v)).collect())
}

/// A NUL would end the value for the host.
fn no_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The value of a text field of any kind.
fn text_field(name: &str, arg: Option<&str>, event: &Json) -> Option<String> {
    match (name, arg) {
        ("ct.value", Some(pointer)) => value_text(pointer::plain(event, pointer)?),
        ("ct.request" | "ct.response" | "ct.additionaleventdata", Some(pointer)) => {
            value_text(&pointer::entering(at(event, path(name)?)?, pointer)?)
        }
        ("ct.ingress.public", arg) => opening::is_public(event, arg.map(|port| port.parse().unwrap())),
        _ => match path(name) {
            Some(path) => text_at(event, path),
            None => derived::text(name, event),
        },
    }
}

/// The text of a value: none for `null`, a string unescaped, everything else as JSON text.
fn value_text(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::Str(text) => Some(text.value.clone()),
        other => Some(other.compact()),
    }
}

/// The value at a path such as `userIdentity.sessionContext`, `null` included.
fn at<'a>(event: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(event, |value, name| value.member(name))
}

fn text_at(event: &Json, path: &str) -> Option<String> {
    value_text(at(event, path)?)
}

/// The path of the fields that are nothing but the value at one path.
fn path(field: &str) -> Option<&'static str> {
    Some(match field {
        "ct.id" => "eventID",
        "ct.error" => "errorCode",
        "ct.errormessage" => "errorMessage",
        "ct.time" => "eventTime",
        "ct.src" => "eventSource",
        "ct.name" => "eventName",
        "ct.region" => "awsRegion",
        "ct.user.identitytype" => "userIdentity.type",
        "ct.user.principalid" => "userIdentity.principalId",
        "ct.user.arn" => "userIdentity.arn",
        "ct.response.reservationid" => "responseElements.reservationId",
        "ct.response" => "responseElements",
        "ct.request" => "requestParameters",
        "ct.additionaleventdata" => "additionalEventData",
        "ct.request.availabilityzone" => "requestParameters.availabilityZone",
        "ct.request.cluster" => "requestParameters.cluster",
        "ct.request.functionname" => "requestParameters.functionName",
        "ct.request.groupname" => "requestParameters.groupName",
        "ct.request.host" => "requestParameters.Host",
        "ct.request.name" => "requestParameters.name",
        "ct.request.reason" => "requestParameters.reason",
        "ct.request.target" => "requestParameters.target",
        "ct.request.documentname" => "requestParameters.documentName",
        "ct.request.serialnumber" => "requestParameters.serialNumber",
        "ct.request.servicename" => "requestParameters.serviceName",
        "ct.request.subnetid" => "requestParameters.subnetId",
        "ct.request.taskdefinition" => "requestParameters.taskDefinition",
        "ct.request.username" => "requestParameters.userName",
        "ct.srcip" => "sourceIPAddress",
        "ct.useragent" => "userAgent",
        "ct.requestid" => "requestID",
        "ct.eventtype" => "eventType",
        "ct.apiversion" => "apiVersion",
        "ct.recipientaccountid" => "recipientAccountId",
        "ct.serviceeventdetails" => "serviceEventDetails",
        "ct.sharedeventid" => "sharedEventID",
        "ct.vpcendpointid" => "vpcEndpointId",
        "ct.eventcategory" => "eventCategory",
        "ct.edgedevicedetails" => "edgeDeviceDetails",
        "ct.addendum.reason" => "addendum.reason",
        "ct.addendum.updatedfields" => "addendum.updatedFields",
        "ct.addendum.originalrequestid" => "addendum.originalRequestID",
        "ct.addendum.originaleventid" => "addendum.originalEventID",
        "ct.tlsdetails.tlsversion" => "tlsDetails.tlsVersion",
        "ct.tlsdetails.ciphersuite" => "tlsDetails.cipherSuite",
        "ct.tlsdetails.clientprovidedhostheader" => "tlsDetails.clientProvidedHostHeader",
        "s3.bucket" => "requestParameters.bucketName",
        "s3.key" => "requestParameters.key",
        "ecr.repository" => "requestParameters.repositoryName",
        "ecr.imagetag" => "requestParameters.imageTag",
        "iam.role" => "requestParameters.roleName",
        "iam.policy" => "requestParameters.policyName",
        "ct.user.accesskeyid" => "userIdentity.accessKeyId",
        "ct.user.issuer.arn" => "userIdentity.sessionContext.sessionIssuer.arn",
        "ct.user.issuer.type" => "userIdentity.sessionContext.sessionIssuer.type",
        "ct.user.invokedby" => "userIdentity.invokedBy",
        "ct.user.sourceidentity" => "userIdentity.sessionContext.sourceIdentity",
        "ct.user.sessioncreated" => "userIdentity.sessionContext.attributes.creationDate",
        "ct.console.login" => "responseElements.ConsoleLogin",
        "ct.insight.type" => "insightDetails.insightType",
        "ct.insight.state" => "insightDetails.state",
        "ct.insight.eventname" => "insightDetails.eventName",
        "ct.insight.eventsource" => "insightDetails.eventSource",
        "ct.insight.baseline" => "insightDetails.insightContext.statistics.baseline.average",
        "ct.insight.average" => "insightDetails.insightContext.statistics.insight.average",
        _ => return None,
    })
}
