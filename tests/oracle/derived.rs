//! The fields of the oracle that are more than the value at one path: who acted, the info line,
//! S3 counters, EC2 names.

use std::net::IpAddr;

use super::json::Json;
use super::{at, lists, opening, policies, text_at};

/// Returns the value of a text field by its name.
pub fn text(field: &str, event: &Json) -> Option<String> {
    match field {
        "ct.shortsrc" => short_source(event),
        "ct.user" => user(event),
        "ct.originaluser" => original_user(event),
        "ct.user.accountid" => {
            text_at(event, "userIdentity.accountId").or_else(|| text_at(event, "recipientAccountId"))
        }
        "ct.user.mfa" => mfa(event),
        "ct.user.crossaccount" => {
            let own = text_at(event, "userIdentity.accountId")?;
            Some((own != text_at(event, "recipientAccountId")?).to_string())
        }
        "ct.response.subnetid" => text_at(event, "responseElements.subnetId").or_else(|| {
            let items = at(event, "responseElements.instancesSet.items")?;
            text_at(items.item(0)?, "subnetId")
        }),
        "ct.request.policy" => policy(event),
        "ct.info" => Some(info(event)),
        "evt.plugininfo" => Some(plugin_info(event)),
        "ct.managementevent" => boolean(event, "managementEvent")
            .or_else(|| text_at(event, "eventCategory").map(|category| (category == "Management").to_string())),
        "ct.readonly" => read_only(event),
        "ct.resources" => {
            let items = at(event, "resources")?.items()?;
            let items: Vec<String> = items.iter().map(Json::compact).collect();
            (!items.is_empty()).then(|| items.join(","))
        }
        "ct.sessioncredentialfromconsole" => boolean(event, "sessionCredentialFromConsole"),
        "ct.srcip.ip" | "ct.srcip.net" => {
            let address: IpAddr = text_at(event, "sourceIPAddress")?.parse().ok()?;
            Some(address.to_string())
        }
        "s3.uri" => {
            let bucket = text_at(event, "requestParameters.bucketName")?;
            Some(format!("s3://{bucket}/{}", text_at(event, "requestParameters.key")?))
        }
        "ct.policy.public" => policies::accounts(event).map(|accounts| (!accounts.is_empty()).to_string()),
        "ct.policy.admin" => policies::admin(event).map(|admin| admin.to_string()),
        "ct.share.public" => {
            let accounts = opening::shared_with(event);
            (!accounts.is_empty()).then(|| accounts.contains(&"*".into()).to_string())
        }
        "ec2.instancetype" => opening::instance_type(event),
        "ec2.name" => instance_name(event),
        "ec2.imageid" => lists::image_ids(event, Some(0)).pop(),
        _ => panic!("the contract has no field {field}"),
    }
}

/// Returns the value of a numeric field by its name.
pub fn number(field: &str, event: &Json) -> Option<u64> {
    let incoming = count(at(event, "additionalEventData.bytesTransferredIn"));
    let outgoing = count(at(event, "additionalEventData.bytesTransferredOut"));
    let name = text_at(event, "eventName");
    match field {
        "s3.bytes.in" => incoming,
        "s3.bytes.out" => outgoing,
        // silent: a sum beyond 64 bits stays at the largest number.
        "s3.bytes" => match (incoming, outgoing) {
            (None, None) => None,
            _ => Some(incoming.unwrap_or(0).saturating_add(outgoing.unwrap_or(0))),
        },
        "s3.cnt.get" => name.map(|name| u64::from(name == "GetObject")),
        "s3.cnt.put" => name.map(|name| u64::from(name == "PutObject")),
        "s3.cnt.other" => name.map(|name| u64::from(name != "GetObject" && name != "PutObject")),
        _ => panic!("the contract has no number {field}"),
    }
}

/// A byte count: an integer exactly, a float truncated.
// silent: a number that does not fit 64 bits is not present; `-0` is zero, which is not negative.
fn count(value: Option<&Json>) -> Option<u64> {
    let Json::Num(text) = value? else { return None };
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let float: f64 = text.parse().ok()?;
    (0.0 <= float && float < u64::MAX as f64).then_some(float as u64)
}

fn short_source(event: &Json) -> Option<String> {
    let source = text_at(event, "eventSource")?;
    Some(source.strip_suffix(".amazonaws.com").unwrap_or(&source).to_owned())
}

fn user(event: &Json) -> Option<String> {
    let kind = text_at(event, "userIdentity.type")?;
    match kind.as_str() {
        "AWSService" => text_at(event, "userIdentity.invokedBy"),
        "AssumedRole" => {
            let issuer = text_at(event, "userIdentity.sessionContext.sessionIssuer.userName");
            Some(issuer.unwrap_or(kind))
        }
        "AWSAccount" | "FederatedUser" => Some(kind),
        _ => text_at(event, "userIdentity.userName"),
    }
}

fn original_user(event: &Json) -> Option<String> {
    // silent: an identity without a type; its user name is taken as for any other type.
    if text_at(event, "userIdentity.type").as_deref() != Some("AssumedRole") {
        return text_at(event, "userIdentity.userName");
    }
    let part = |path: &str, separator: char, parts: usize| {
        let text = text_at(event, path)?;
        let split: Vec<&str> = text.split(separator).collect();
        (split.len() == parts).then(|| split[parts - 1].to_owned())
    };
    part("userIdentity.arn", '/', 3).or_else(|| part("userIdentity.principalId", ':', 2))
}

/// `true` or `false`, as a boolean or as a string.
// silent: any other value says neither, so it counts as if the member were absent.
fn boolean(event: &Json, path: &str) -> Option<String> {
    text_at(event, path).filter(|text| text == "true" || text == "false")
}

fn mfa(event: &Json) -> Option<String> {
    let session = boolean(event, "userIdentity.sessionContext.attributes.mfaAuthenticated");
    session.or_else(|| match text_at(event, "additionalEventData.MFAUsed")?.as_str() {
        "Yes" => Some("true".into()),
        "No" => Some("false".into()),
        _ => None,
    })
}

fn read_only(event: &Json) -> Option<String> {
    const READING: &[&str] = &[
        "Get", "List", "Describe", "Head", "Lookup", "Search", "BatchGet", "Query", "Scan", "Select", "Filter", "Test",
        "Validate", "Estimate", "Preview", "Check", "Simulate", "View", "Read", "Download", "Decrypt",
    ];
    boolean(event, "readOnly").or_else(|| {
        let name = text_at(event, "eventName")?;
        Some(READING.iter().any(|prefix| name.starts_with(prefix)).to_string())
    })
}

fn policy(event: &Json) -> Option<String> {
    let policy = text_at(event, "requestParameters.policy");
    let empty = matches!(policy.as_deref(), None | Some("" | "[\"\"]"));
    if empty && let Some(document) = text_at(event, "requestParameters.bucketPolicy") {
        return Some(document);
    }
    policy
}

fn info(event: &Json) -> String {
    const NOT_THERE: &str = "<NA>";
    let user = user(event).or_else(|| text_at(event, "userIdentity.type")).unwrap_or_else(|| NOT_THERE.into());
    let mut line = format!("{user} ");
    // silent: without a source address there is no `via` either.
    if let Some(address) = text_at(event, "sourceIPAddress").filter(|address| *address != user) {
        line += &format!("via {address} ");
    }
    if text_at(event, "errorCode").is_some() {
        line += "!";
    }
    line += if read_only(event).as_deref() == Some("false") { "→ " } else { "← " };
    // silent: an event without a name (Insight) shows the same mark as one without a user.
    let name = text_at(event, "eventName").unwrap_or_else(|| NOT_THERE.into());
    line + &name + &info_details(&name, event)
}

fn info_details(name: &str, event: &Json) -> String {
    let mut details = String::new();
    if name == "PutBucketPublicAccessBlock" {
        for flag in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
            // silent: a flag that the request leaves out shows the mark of an absent value.
            let value = text_at(event, &format!("requestParameters.PublicAccessBlockConfiguration.{flag}"));
            details += &format!(" {flag}={}", value.unwrap_or_else(|| "<NA>".into()));
        }
        return details;
    }
    if let Some(size) = number("s3.bytes", event) {
        details += &format!(" Size={size}");
    }
    let targets = [
        ("URI", text("s3.uri", event)),
        ("Bucket", text_at(event, "requestParameters.bucketName")),
        ("Key", text_at(event, "requestParameters.key")),
        ("Host", text_at(event, "requestParameters.Host")),
    ];
    if let Some((label, target)) = targets.into_iter().find_map(|(label, t)| Some((label, t?))) {
        details += &format!(" {label}={target}");
    }
    details
}

fn plugin_info(event: &Json) -> String {
    let parts =
        [text_at(event, "awsRegion"), user(event), short_source(event), text_at(event, "eventName"), Some(info(event))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The `Name` tag that a RunInstances request gives its instances.
// silent: the tags of an item are in `tags`; of two `Name` tags in one item the first counts.
fn instance_name(event: &Json) -> Option<String> {
    let items = at(event, "requestParameters.tagSpecificationSet.items")?.items()?;
    let name = |item: &Json| {
        let tags = item.member("tags")?.items()?;
        let tag = tags.iter().find(|tag| text_at(tag, "key").as_deref() == Some("Name"))?;
        text_at(tag, "value")
    };
    let instances = items.iter().filter(|item| text_at(item, "resourceType").as_deref() == Some("instance"));
    instances.filter_map(name).next_back()
}
