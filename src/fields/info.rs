//! The summaries that people read: `ct.info` and the line behind `evt.plugininfo`.

use super::{TextFn, at, first_of, identity, service};
use jsontext::Value;
use std::io::Write;

const PUBLIC_ACCESS_FLAGS: [&str; 4] =
    ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];

/// `ct.info`: who did what from where, and to which object: `bob via 203.0.113.7 !→ DeleteTrail`.
pub(super) fn info(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    identity::user_or_type(event, out);
    if let Some(address) = at(event, &["sourceIPAddress"]).and_then(|address| address.text())
        && out.get(start..) != Some(address.as_bytes())
    {
        push(out, &[" via ", &address]);
    }
    push(out, &[" "]);
    if at(event, &["errorCode"]).is_some() {
        push(out, &["!"]);
    }
    push(out, &[if service::is_read_only(event) == Some(false) { "→" } else { "←" }]);
    let name = at(event, &["eventName"]).and_then(|name| name.text());
    push(out, &[" ", name.as_deref().unwrap_or("<NA>")]);
    if name.as_deref() == Some("PutBucketPublicAccessBlock") {
        for flag in PUBLIC_ACCESS_FLAGS {
            let path = ["requestParameters", "PublicAccessBlockConfiguration", flag];
            let value = at(event, &path).and_then(|value| value.text());
            push(out, &[" ", flag, "=", value.as_deref().unwrap_or("<NA>")]);
        }
        return Some(());
    }
    if let Some(bytes) = service::s3_bytes(event) {
        // Writing to memory does not fail.
        let _ = write!(out, " Size={bytes}");
    }
    target(event, out);
    Some(())
}

/// Appends the first that exists of the ways to say what was acted on.
fn target(event: Value<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    push(out, &[" URI="]);
    if service::s3_uri(event, out).is_some() {
        return;
    }
    out.truncate(before);
    for (label, member) in [(" Bucket=", "bucketName"), (" Key=", "key"), (" Host=", "Host")] {
        if let Some(value) = first_of(event, &[&["requestParameters", member]]).and_then(|value| value.text()) {
            return push(out, &[label, &value]);
        }
    }
}

/// The line behind `evt.plugininfo`: region, user, service, name and [`info`], each left out when it is missing.
pub fn plugin_info(event: Value<'_>, out: &mut Vec<u8>) {
    let mut any = false;
    let parts: [TextFn; 5] = [
        |event, out| at(event, &["awsRegion"])?.append_to(out),
        identity::user,
        service::short_source,
        |event, out| at(event, &["eventName"])?.append_to(out),
        info,
    ];
    for part in parts {
        let before = out.len();
        if any {
            out.push(b' ');
        }
        match part(event, out) {
            Some(()) => any = true,
            None => out.truncate(before),
        }
    }
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::text_of;
    use super::*;
    use jsontext::Index;
    use jsontext::scan::MAX_DEPTH;

    #[test]
    fn info_says_who_did_what() {
        let bob = r#""userIdentity":{"type":"IAMUser","userName":"bob"},"sourceIPAddress":"203.0.113.7""#;
        for (event, info) in [
            (format!(r#"{{{bob},"eventName":"DeleteTrail","errorCode":"AccessDenied"}}"#), "bob via 203.0.113.7 !→ DeleteTrail"),
            (format!(r#"{{{bob},"eventName":"ListUsers"}}"#), "bob via 203.0.113.7 ← ListUsers"),
            (
                format!(
                    r#"{{{bob},"eventName":"GetObject","requestParameters":{{"bucketName":"b","key":"k/x"}},"additionalEventData":{{"bytesTransferredOut":7.0}}}}"#
                ),
                "bob via 203.0.113.7 ← GetObject Size=7 URI=s3://b/k/x",
            ),
            (
                format!(r#"{{{bob},"eventName":"CreateBucket","requestParameters":{{"bucketName":"b","Host":"h"}}}}"#),
                "bob via 203.0.113.7 → CreateBucket Bucket=b",
            ),
            (format!(r#"{{{bob},"eventName":"X","requestParameters":{{"Host":"h"}}}}"#), "bob via 203.0.113.7 → X Host=h"),
            (format!(r#"{{{bob},"eventName":"X","requestParameters":{{"key":"k"}}}}"#), "bob via 203.0.113.7 → X Key=k"),
            (
                r#"{"userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"},"sourceIPAddress":"ec2.amazonaws.com","eventName":"AssumeRole","readOnly":true}"#.into(),
                "ec2.amazonaws.com ← AssumeRole",
            ),
            (r#"{"userIdentity":{"type":"Root"},"eventName":"ConsoleLogin"}"#.into(), "Root → ConsoleLogin"),
            (r#"{"eventName":"ConsoleLogin"}"#.into(), "<NA> → ConsoleLogin"),
            (
                format!(
                    r#"{{{bob},"eventName":"PutBucketPublicAccessBlock","requestParameters":{{"bucketName":"b","PublicAccessBlockConfiguration":{{"BlockPublicAcls":false,"IgnorePublicAcls":true,"RestrictPublicBuckets":false,"BlockPublicPolicy":false}}}}}}"#
                ),
                "bob via 203.0.113.7 → PutBucketPublicAccessBlock BlockPublicAcls=false BlockPublicPolicy=false IgnorePublicAcls=true RestrictPublicBuckets=false",
            ),
        ] {
            assert_eq!(text_of("ct.info", &event), info, "{event}");
        }
    }

    #[test]
    fn the_line_leaves_out_what_is_missing() {
        let line = |event: &str| {
            let mut index = Index::default();
            let mut out = Vec::new();
            plugin_info(index.read(event.as_bytes(), MAX_DEPTH).unwrap(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            line(
                r#"{"awsRegion":"eu-west-1","eventSource":"iam.amazonaws.com","eventName":"CreateUser","userIdentity":{"type":"IAMUser","userName":"bob"},"sourceIPAddress":"203.0.113.7"}"#
            ),
            "eu-west-1 bob iam CreateUser bob via 203.0.113.7 → CreateUser"
        );
        assert_eq!(
            line(r#"{"awsRegion":"eu-west-1","userIdentity":{"type":"Root"},"eventName":"A"}"#),
            "eu-west-1 A Root → A"
        );
        // An empty part is there, and keeps its blank.
        assert_eq!(line(r#"{"awsRegion":"","userIdentity":{"type":"Root"},"eventName":"A"}"#), " A Root → A");
    }
}
