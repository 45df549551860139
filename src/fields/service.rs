//! What was done: values derived from the request and the response of one service, or from the event as a whole.

use super::{List, at, each, first_of, flag, push_flag};
use jiff::Timestamp;
use jsontext::{Kind, Value};
use std::net::IpAddr;

/// `ct.shortsrc`: the service without the domain that most of them share.
pub(super) fn short_source(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    at(event, &["eventSource"])?.append_to(out)?;
    if let Some(short) = out.get(start..)?.strip_suffix(b".amazonaws.com") {
        out.truncate(start + short.len());
    }
    Some(())
}

/// `ct.request.policy`: the policy, or the document that S3 logs under a name of its own.
pub(super) fn request_policy(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let policy = at(event, &["requestParameters", "policy"]);
    let is_empty = match policy {
        None => true,
        Some(policy) if policy.kind() == Kind::Array => {
            let mut items = policy.items();
            items.next().is_some_and(|item| item.is("")) && items.next().is_none()
        }
        Some(policy) => policy.is(""),
    };
    let document = at(event, &["requestParameters", "bucketPolicy"]).filter(|_| is_empty);
    document.or(policy)?.append_to(out)
}

/// `ct.managementevent`: as logged, else by the event's category.
pub(super) fn management_event(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let logged = flag(at(event, &["managementEvent"]));
    let management = logged.or_else(|| Some(at(event, &["eventCategory"])?.is("Management")))?;
    push_flag(management, out);
    Some(())
}

/// The verbs of calls that change nothing.
const READING_VERBS: &[&str] = &[
    "Get", "List", "Describe", "Head", "Lookup", "Search", "BatchGet", "Query", "Scan", "Select", "Filter", "Test",
    "Validate", "Estimate", "Preview", "Check", "Simulate", "View", "Read", "Download", "Decrypt",
];

/// Returns whether the event reads only: as logged, else by the verb that the event's name starts with.
pub(super) fn is_read_only(event: Value<'_>) -> Option<bool> {
    flag(at(event, &["readOnly"])).or_else(|| {
        let name = at(event, &["eventName"])?.text()?;
        Some(READING_VERBS.iter().any(|verb| name.starts_with(verb)))
    })
}

/// `ct.readonly`
pub(super) fn read_only(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    push_flag(is_read_only(event)?, out);
    Some(())
}

/// Returns the items of the array at a path; a missing array has none.
fn items<'a>(event: Value<'a>, path: &[&str]) -> impl Iterator<Item = Value<'a>> + use<'a> {
    let array = at(event, path).filter(|value| value.kind() == Kind::Array);
    array.into_iter().flat_map(|array| array.items())
}

/// `ct.resources`: the items as JSON text, joined with commas.
pub(super) fn resources(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let mut any = None;
    for item in items(event, &["resources"]) {
        if any.is_some() {
            out.push(b',');
        }
        item.append_json_to(out);
        any = Some(());
    }
    any
}

/// Returns the first member that is there of every item, or of the item at `index`.
fn of_items<'a>(items: impl Iterator<Item = Value<'a>>, index: Option<u64>, members: &[&[&str]]) -> List<Value<'a>> {
    let (skip, take) = index.map_or((0, usize::MAX), |index| (usize::try_from(index).unwrap_or(usize::MAX), 1));
    items.skip(skip).take(take).filter_map(|item| first_of(item, members)).collect()
}

/// `ct.resources.arn`
pub(super) fn resource_arns(event: Value<'_>, index: Option<u64>) -> List<Value<'_>> {
    of_items(items(event, &["resources"]), index, &[&["ARN"], &["arn"]])
}

/// `ct.resources.type`
pub(super) fn resource_types(event: Value<'_>, index: Option<u64>) -> List<Value<'_>> {
    of_items(items(event, &["resources"]), index, &[&["type"]])
}

/// `ct.resources.accountid`
pub(super) fn resource_accounts(event: Value<'_>, index: Option<u64>) -> List<Value<'_>> {
    of_items(items(event, &["resources"]), index, &[&["accountId"]])
}

/// `ct.srcip.ip`, `ct.srcip.net`: the caller's address when it is one.
pub(super) fn source_address(event: Value<'_>) -> Option<IpAddr> {
    at(event, &["sourceIPAddress"])?.text()?.parse().ok()
}

/// `s3.uri`
pub(super) fn s3_uri(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let bucket = at(event, &["requestParameters", "bucketName"])?;
    let key = at(event, &["requestParameters", "key"])?;
    out.extend_from_slice(b"s3://");
    bucket.append_to(out)?;
    out.push(b'/');
    key.append_to(out)
}

/// Returns the count at a path: a number that is not negative, cut off to a whole one.
fn count(event: Value<'_>, path: &[&str]) -> Option<u64> {
    let number = at(event, path).filter(|value| value.kind() == Kind::Number)?;
    let text = number.text()?;
    text.parse().ok().or_else(|| {
        // Two to the power of 64, the first float that no count can hold.
        const LIMIT: f64 = 18_446_744_073_709_551_616.0;
        let float: f64 = text.parse().ok()?;
        (0.0..LIMIT).contains(&float).then_some(float as u64)
    })
}

/// `s3.bytes.in`
pub(super) fn s3_bytes_in(event: Value<'_>) -> Option<u64> {
    count(event, &["additionalEventData", "bytesTransferredIn"])
}

/// `s3.bytes.out`
pub(super) fn s3_bytes_out(event: Value<'_>) -> Option<u64> {
    count(event, &["additionalEventData", "bytesTransferredOut"])
}

/// `s3.bytes`
pub(super) fn s3_bytes(event: Value<'_>) -> Option<u64> {
    match (s3_bytes_in(event), s3_bytes_out(event)) {
        (Some(incoming), Some(outgoing)) => Some(incoming.saturating_add(outgoing)),
        (one, other) => one.or(other),
    }
}

/// `s3.cnt.get`
pub(super) fn s3_gets(event: Value<'_>) -> Option<u64> {
    Some(u64::from(at(event, &["eventName"])?.is("GetObject")))
}

/// `s3.cnt.put`
pub(super) fn s3_puts(event: Value<'_>) -> Option<u64> {
    Some(u64::from(at(event, &["eventName"])?.is("PutObject")))
}

/// `s3.cnt.other`
pub(super) fn s3_others(event: Value<'_>) -> Option<u64> {
    Some(u64::from(s3_gets(event)? + s3_puts(event)? == 0))
}

/// `ec2.name`: the `Name` among the tags that instances are created with, the last one if there are several.
pub(super) fn instance_name(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let specifications = items(event, &["requestParameters", "tagSpecificationSet", "items"]);
    let of_instances =
        specifications.filter(|item| at(*item, &["resourceType"]).is_some_and(|kind| kind.is("instance")));
    let name = |item: Value<'_>, out: &mut Vec<u8>| -> Option<()> {
        let mut tags = items(item, &["tags"]);
        at(tags.find(|tag| at(*tag, &["key"]).is_some_and(|key| key.is("Name")))?, &["value"])?.append_to(out)
    };
    let start = out.len();
    let mut named = None;
    for item in of_instances {
        let before = out.len();
        if name(item, out).is_some() {
            out.drain(start..before);
            named = Some(());
        }
    }
    named
}

/// `ec2.imageids`: the images of the instances that were started, or that were asked for.
pub(super) fn image_ids(event: Value<'_>, index: Option<u64>) -> List<Value<'_>> {
    for instances in [["responseElements", "instancesSet", "items"], ["requestParameters", "instancesSet", "items"]] {
        if at(event, &instances).is_some_and(|items| items.kind() == Kind::Array) {
            return of_items(items(event, &instances), index, &[&["imageId"]]);
        }
    }
    const ONE: &[&[&str]] = &[
        &["requestParameters", "imageId"],
        &["requestParameters", "DescribeFastLaunchImagesRequest", "ImageId", "content"],
        &["requestParameters", "launchSpecification", "imageId"],
    ];
    if index.unwrap_or(0) == 0 { first_of(event, ONE).into_iter().collect() } else { List::new() }
}

/// `ec2.imageid`
pub(super) fn first_image_id(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    image_ids(event, Some(0)).first()?.append_to(out)
}

/// `ec2.instancetype`: as asked for, else that of the first instance that was started.
pub(super) fn instance_type(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let is_plain = |value: &Value<'_>| !matches!(value.kind(), Kind::Object | Kind::Array);
    let asked = first_of(event, &[&["requestParameters", "instanceType"]]).filter(is_plain);
    let started = || {
        let instances = items(event, &["responseElements", "instancesSet", "items"]);
        of_items(instances, None, &[&["instanceType"]]).into_iter().next()
    };
    // A spot request, and a change of an instance.
    const OTHERS: &[&[&str]] = &[
        &["requestParameters", "launchSpecification", "instanceType"],
        &["requestParameters", "instanceType", "value"],
    ];
    asked.or_else(started).or_else(|| first_of(event, OTHERS))?.append_to(out)
}

/// Returns a whole number, also when it is written as a string.
fn whole(value: Value<'_>) -> Option<u64> {
    value.text()?.parse().ok()
}

/// `ec2.instancecount`: how many instances are asked for.
pub(super) fn instance_count(event: Value<'_>) -> Option<u64> {
    let asked = items(event, &["requestParameters", "instancesSet", "items"]);
    if let Some(count) = asked.filter_map(|item| whole(at(item, &["maxCount"])?)).reduce(u64::saturating_add) {
        return Some(count);
    }
    const OTHERS: &[&[&str]] = &[
        &["requestParameters", "instanceCount"],
        &["requestParameters", "spotFleetRequestConfig", "targetCapacity"],
        &["requestParameters", "CreateFleetRequest", "TargetCapacitySpecification", "TotalTargetCapacity"],
    ];
    OTHERS.iter().find_map(|path| whole(at(event, path)?))
}

/// `s3.expirydays`: the fewest days of a lifecycle rule that is not disabled, a date by the days that are left.
pub(super) fn expiry_days(event: Value<'_>) -> Option<u64> {
    let rules = each(at(event, &["requestParameters", "LifecycleConfiguration", "Rule"]));
    let enabled = rules.filter(|rule| !at(*rule, &["Status"]).is_some_and(|status| status.is("Disabled")));
    const DAYS: [&[&str]; 2] = [&["Expiration", "Days"], &["NoncurrentVersionExpiration", "NoncurrentDays"]];
    let until = |rule| days_left(event, at(rule, &["Expiration", "Date"])?);
    enabled.flat_map(|rule| DAYS.iter().filter_map(move |path| whole(at(rule, path)?)).chain(until(rule))).min()
}

/// Returns the whole days from the event's time to a date, 0 when it is past.
fn days_left(event: Value<'_>, date: Value<'_>) -> Option<u64> {
    let moment = |value: Value<'_>| value.text()?.parse::<Timestamp>().ok();
    let left = moment(date)?.duration_since(moment(at(event, &["eventTime"])?)?);
    Some(u64::try_from(left.as_secs()).unwrap_or(0) / 86_400)
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::super::tests::{text_of, value_of};

    #[test]
    fn counts_are_whole_and_not_negative() {
        for (json, count) in [
            ("33", "33"),
            ("33.0", "33"),
            ("33.9", "33"),
            ("1e3", "1000"),
            ("0", "0"),
            ("-1", "<NA>"),
            ("-0", "0"),
            ("-0.5", "<NA>"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "<NA>"),
            ("9007199254740993", "9007199254740993"),
            (r#""33""#, "<NA>"),
            ("null", "<NA>"),
        ] {
            let event = format!(r#"{{"additionalEventData":{{"bytesTransferredIn":{json}}}}}"#);
            assert_eq!(text_of("s3.bytes.in", &event), count, "{json}");
            assert_eq!(text_of("s3.bytes", &event), count, "{json}");
        }
        assert_eq!(
            text_of("s3.bytes", r#"{"additionalEventData":{"bytesTransferredIn":1.5,"bytesTransferredOut":2}}"#),
            "3"
        );
    }

    #[test]
    fn reading_is_told_by_the_verb_where_it_is_not_logged() {
        for (event, expected) in [
            (r#"{"eventName":"DescribeInstances"}"#, "true"),
            (r#"{"eventName":"Decrypt"}"#, "true"),
            (r#"{"eventName":"RunInstances"}"#, "false"),
            (r#"{"eventName":"getObject"}"#, "false"),
            (r#"{"eventName":"GetObject","readOnly":false}"#, "false"),
            (r#"{"eventName":"RunInstances","readOnly":"true"}"#, "true"),
            (r#"{"eventName":"GetObject","readOnly":null}"#, "true"),
            ("{}", "<NA>"),
        ] {
            assert_eq!(text_of("ct.readonly", event), expected, "{event}");
        }
    }

    #[test]
    fn resources_are_shown_without_second_members() {
        let event = r#"{"resources":[{"ARN":"a","type":"t", "\u0041RN":"b"},"x", 1.0,null]}"#;
        assert_eq!(text_of("ct.resources", event), r#"{"ARN":"a","type":"t"},"x",1.0,null"#);
        assert_eq!(text_of("ct.resources", r#"{"resources":[]}"#), "<NA>");
    }

    #[test]
    fn an_empty_policy_gives_way_to_the_bucket_policy() {
        for (parameters, policy) in [
            (r#""policy":"","bucketPolicy":{"Id": 1}"#, r#"{"Id":1}"#),
            (r#""policy":[""],"bucketPolicy":{}"#, "{}"),
            (r#""bucketPolicy":{}"#, "{}"),
            (r#""policy":"{}","bucketPolicy":{"Id":1}"#, "{}"),
            (r#""policy":[""]"#, r#"[""]"#),
            (r#""policy":["",""],"bucketPolicy":{}"#, r#"["",""]"#),
            (r#""policy":"""#, ""),
            ("", "<NA>"),
        ] {
            let event = format!(r#"{{"requestParameters":{{{parameters}}}}}"#);
            assert_eq!(text_of("ct.request.policy", &event), policy, "{parameters}");
        }
    }

    #[test]
    fn images_come_from_the_response_before_the_request() {
        let response = r#"{"responseElements":{"instancesSet":{"items":[{"imageId":"ami-1"},{},{"imageId":"ami-3"}]}},"requestParameters":{"imageId":"ami-9"}}"#;
        assert_eq!(text_of("ec2.imageids", response), "ami-1|ami-3");
        assert_eq!(value_of("ec2.imageids", Key::Index(2), response), "ami-3");
        assert_eq!(value_of("ec2.imageids", Key::Index(1), response), "<NA>");
        assert_eq!(value_of("ec2.imageids", Key::Index(u64::MAX), response), "<NA>");
        assert_eq!(text_of("ec2.imageid", response), "ami-1");
        let denied =
            r#"{"responseElements":null,"requestParameters":{"instancesSet":{"items":[{"imageId":"ami-5"}]}}}"#;
        assert_eq!(text_of("ec2.imageids", denied), "ami-5");
        let template = r#"{"requestParameters":{"launchSpecification":{"imageId":"ami-7"}}}"#;
        assert_eq!(value_of("ec2.imageids", Key::Index(0), template), "ami-7");
        assert_eq!(value_of("ec2.imageids", Key::Index(1), template), "<NA>");
        let empty = r#"{"responseElements":{"instancesSet":{"items":[]}},"requestParameters":{"imageId":"ami-9"}}"#;
        assert_eq!(text_of("ec2.imageids", empty), "<NA>");
    }

    #[test]
    fn the_last_name_among_instance_tags_counts() {
        let tags = |kind: &str, name: &str| {
            format!(
                r#"{{"resourceType":"{kind}","tags":[{{"key":"Owner","value":"x"}},{{"key":"Name","value":"{name}"}}]}}"#
            )
        };
        let event = format!(
            r#"{{"requestParameters":{{"tagSpecificationSet":{{"items":[{},{},{}, {{"resourceType":"instance"}}]}}}}}}"#,
            tags("instance", "first"),
            tags("instance", "second"),
            tags("volume", "disk")
        );
        assert_eq!(text_of("ec2.name", &event), "second");
    }

    #[test]
    fn an_address_is_one_address() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("2001:DB8::1", "2001:db8::1"),
            ("ec2.amazonaws.com", "<NA>"),
            ("AWS Internal", "<NA>"),
            ("203.0.113.7, 198.51.100.2", "<NA>"),
            ("203.0.113.256", "<NA>"),
            ("203.0.113.7/32", "<NA>"),
        ] {
            assert_eq!(text_of("ct.srcip.ip", &format!(r#"{{"sourceIPAddress":"{address}"}}"#)), expected);
        }
    }

    #[test]
    fn instances_have_a_type_and_a_number() {
        const RUN: &str = r#""instancesSet":{"items":[{"maxCount":2},{"maxCount":"3"},{"minCount":9}]}"#;
        for (request, response, kind, count) in [
            (format!(r#"{{"instanceType":"p5.48xlarge",{RUN}}}"#), "null", "p5.48xlarge", "5"),
            (
                format!("{{{RUN}}}"),
                r#"{"instancesSet":{"items":[{},{"instanceType":"t3.nano"},{"instanceType":"m5.large"}]}}"#,
                "t3.nano",
                "5",
            ),
            (
                r#"{"launchSpecification":{"instanceType":"c5.large"},"instanceCount":4}"#.into(),
                "null",
                "c5.large",
                "4",
            ),
            (r#"{"instanceType":{"value":"x1.32xlarge"}}"#.into(), "null", "x1.32xlarge", "<NA>"),
            (r#"{"instanceType":{"other":1}}"#.into(), "null", "<NA>", "<NA>"),
            (r#"{"spotFleetRequestConfig":{"targetCapacity":"7"}}"#.into(), "null", "<NA>", "7"),
            (
                r#"{"CreateFleetRequest":{"TargetCapacitySpecification":{"TotalTargetCapacity":8}}}"#.into(),
                "null",
                "<NA>",
                "8",
            ),
            (r#"{"instancesSet":{"items":[{"maxCount":-1}]},"instanceCount":"many"}"#.into(), "null", "<NA>", "<NA>"),
            (
                r#"{"instancesSet":{"items":[{"maxCount":18446744073709551615},{"maxCount":1}]}}"#.into(),
                "null",
                "<NA>",
                "18446744073709551615",
            ),
        ] {
            let event = format!(r#"{{"requestParameters":{request},"responseElements":{response}}}"#);
            assert_eq!(text_of("ec2.instancetype", &event), kind, "{event}");
            assert_eq!(text_of("ec2.instancecount", &event), count, "{event}");
        }
    }

    #[test]
    fn the_shortest_life_of_an_enabled_rule_counts() {
        for (rules, days) in [
            (r#"{"Status":"Enabled","Expiration":{"Days":1}}"#, "1"),
            (r#"[{"Status":"Enabled","Expiration":{"Days":"30"}},{"Expiration":{"Days":7}}]"#, "7"),
            (r#"[{"Status":"Disabled","Expiration":{"Days":1}},{"Status":"Enabled","Expiration":{"Days":90}}]"#, "90"),
            (r#"{"Status":"Enabled","NoncurrentVersionExpiration":{"NoncurrentDays":3},"Expiration":{"Days":9}}"#, "3"),
            (r#"{"Status":"Enabled","Expiration":{"Date":"2026-03-01T00:00:00.000Z"}}"#, "30"),
            (r#"{"Status":"Enabled","Expiration":{"Date":"2026-01-30T18:00:00Z"}}"#, "1"),
            (r#"{"Status":"Enabled","Expiration":{"Date":"2026-01-30T17:59:59Z"}}"#, "0"),
            (r#"{"Status":"Enabled","Expiration":{"Date":"2020-01-01T00:00:00Z"}}"#, "0"),
            (r#"[{"Expiration":{"Date":"2026-03-01T00:00:00Z"}},{"Expiration":{"Days":7}}]"#, "7"),
            (r#"{"Status":"Disabled","Expiration":{"Date":"2026-03-01T00:00:00Z"}}"#, "<NA>"),
            (r#"{"Status":"Enabled","Expiration":{"Date":"soon"}}"#, "<NA>"),
            (r#"{"Status":"Enabled","Expiration":{"Date":20260301}}"#, "<NA>"),
            (r#"{"Status":"Enabled","Transition":{"Days":1}}"#, "<NA>"),
            ("[]", "<NA>"),
        ] {
            let event = format!(
                r#"{{"eventTime":"2026-01-29T18:00:00Z","requestParameters":{{"LifecycleConfiguration":{{"Rule":{rules}}}}}}}"#
            );
            assert_eq!(text_of("s3.expirydays", &event), days, "{rules}");
        }
        let untimed = r#"{"requestParameters":{"LifecycleConfiguration":{"Rule":{"Expiration":{"Date":"2026-03-01T00:00:00Z"}}}}}"#;
        assert_eq!(text_of("s3.expirydays", untimed), "<NA>");
    }
}
