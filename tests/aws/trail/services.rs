//! What a reader of histories needs of two other services: roles and the caller's identity of STS, and the list of
//! regions of Account Management.

use super::refusal::{Service, refuse};
use super::{Caller, Message};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// A request to one of these services.
#[derive(Clone, Debug)]
pub struct Call {
    pub account: String,
    pub region: String,
    /// `AssumeRole`, `GetCallerIdentity`, `ListRegions` or `ListPublicKeys`.
    pub action: String,
    pub body: String,
}

impl Call {
    /// Returns a parameter of a call of STS.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.body.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.find(|(other, _)| *other == name)?.1.replace('+', " ");
        Some(percent_encoding::percent_decode_str(&value).decode_utf8_lossy().into_owned())
    }
}

/// Returns the access key id of the credentials for an account that come from a role. It tells the account.
pub fn access_key(account: &str) -> String {
    format!("ASIA{account}ROLE")
}

/// Returns the session token that must come with that.
pub fn session_token(account: &str) -> String {
    format!("session+of/{account}==")
}

pub fn assume_role(call: &Call) -> Message {
    const LIFETIME: Duration = Duration::from_secs(3600);
    let (Some(arn), Some(session)) = (call.parameter("RoleArn"), call.parameter("RoleSessionName")) else {
        return refuse(Service::Sts, 400, "ValidationError", "RoleArn and RoleSessionName are required");
    };
    let account = arn.split(':').nth(4).unwrap_or_default();
    let role = arn.rsplit('/').next().unwrap_or_default();
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return refuse(Service::Sts, 400, "ValidationError", "RoleArn is no ARN of a role");
    }
    let expiration = jiff::Timestamp::try_from(SystemTime::now() + LIFETIME).unwrap();
    let (key, token) = (access_key(account), session_token(account));
    result(
        "AssumeRole",
        &format!(
            "<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:{session}</AssumedRoleId>\
             <Arn>arn:aws:sts::{account}:assumed-role/{role}/{session}</Arn></AssumedRoleUser>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
             <SessionToken>{token}</SessionToken><Expiration>{expiration:.0}</Expiration></Credentials>\
             <PackedPolicySize>6</PackedPolicySize>"
        ),
    )
}

pub fn caller_identity(caller: &Caller) -> Message {
    let account = &caller.account;
    result(
        "GetCallerIdentity",
        &format!("<Arn>arn:aws:iam::{account}:user/test</Arn><UserId>AIDAEXAMPLE</UserId><Account>{account}</Account>"),
    )
}

/// Returns a page of these regions with their states.
pub fn list_regions(call: &Call, regions: &[(String, String)]) -> Message {
    let Ok(input) = serde_json::from_str::<Value>(&call.body) else {
        return refuse(Service::Account, 400, "ValidationException", "the body is no JSON");
    };
    let most = input.get("MaxResults").map_or(Some(50), Value::as_u64).filter(|most| (1..=50).contains(most));
    let start = input.get("NextToken").map_or(Some(0), |token| token.as_str()?.strip_prefix("regions+")?.parse().ok());
    let (Some(most), Some(start)) = (most, start) else {
        return refuse(Service::Account, 400, "ValidationException", "MaxResults or NextToken is not valid");
    };
    let wanted = input["RegionOptStatusContains"].as_array();
    let regions = regions.iter().filter(|(_, status)| wanted.is_none_or(|wanted| wanted.contains(&json!(status))));
    let mut regions = regions.skip(start);
    let page = regions.by_ref().take(most as usize);
    let page: Vec<Value> = page.map(|(name, status)| json!({"RegionName": name, "RegionOptStatus": status})).collect();
    let mut body = json!({ "Regions": page });
    if regions.next().is_some() {
        body["NextToken"] = format!("regions+{}", start + most as usize).into();
    }
    Message::new("HTTP/1.1 200 OK").with("Content-Type", "application/json").body(body.to_string())
}

/// Returns an answer of CloudTrail.
pub fn json(body: &str) -> Message {
    Message::new("HTTP/1.1 200 OK").with("Content-Type", "application/x-amz-json-1.1").body(body)
}

fn result(action: &str, inside: &str) -> Message {
    Message::new("HTTP/1.1 200 OK").with("Content-Type", "text/xml").body(format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{inside}</{action}Result>\
         <ResponseMetadata><RequestId>TEST</RequestId></ResponseMetadata></{action}Response>"
    ))
}
