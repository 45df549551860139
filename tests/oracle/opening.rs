//! The fields of the oracle for what requests open to networks and share with accounts, and for what instances and
//! lifecycles they ask for.

use super::json::Json;
use super::policies::{account_of, any_case, many, own, world};
use super::{at, text_at, value_text};

/// Ports from the first to the last, and whether the world gets at them.
type Opening = (u64, u64, bool);

/// Returns the value of `ct.ingress.public` for one port or any.
pub fn is_public(event: &Json, port: Option<u64>) -> Option<String> {
    let all = openings(event);
    if all.is_empty() {
        return None;
    }
    let hit = all.iter().any(|&(first, last, world)| world && port.is_none_or(|port| first <= port && port <= last));
    Some(hit.to_string())
}

/// Returns the values of `ct.ingress.ports`.
pub fn ports(event: &Json) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for (first, last, world) in openings(event) {
        let text = if (first, last) == (0, 65535) { "all".into() } else { format!("{first}-{last}") };
        let text = if first == last { first.to_string() } else { text };
        if world && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

fn list(value: Option<&Json>) -> Vec<&Json> {
    match value {
        Some(Json::Arr(items)) => items.iter().collect(),
        other => other.into_iter().filter(|value| **value != Json::Null).collect(),
    }
}

fn openings(event: &Json) -> Vec<Opening> {
    let name = text_at(event, "eventName").unwrap_or_default();
    let Some(request) = event.member("requestParameters").filter(|request| **request != Json::Null) else {
        return vec![];
    };
    let rules: Vec<Option<Opening>> = match name.as_str() {
        "AuthorizeSecurityGroupIngress" => {
            let mut rules = list(at(request, "ipPermissions.items"));
            if ["ipProtocol", "cidrIp", "fromPort"].iter().any(|name| any_case(request, name).is_some()) {
                rules.push(request);
            }
            rules.into_iter().map(group_rule).collect()
        }
        "ModifySecurityGroupRules" => list(at(request, "ModifySecurityGroupRulesRequest.SecurityGroupRule"))
            .into_iter()
            .map(|rule| group_rule(any_case(rule, "SecurityGroupRule")?))
            .collect(),
        "CreateNetworkAclEntry" | "ReplaceNetworkAclEntry" => vec![acl_entry(request)],
        // silent: each of the two has one of the members, and which one is not asked.
        "OpenInstancePublicPorts" | "PutInstancePublicPorts" => {
            let infos = ["portInfo", "portInfos"].map(|name| list(any_case(request, name)));
            infos.concat().into_iter().map(instance_ports).collect()
        }
        "AuthorizeDBSecurityGroupIngress" | "AuthorizeClusterSecurityGroupIngress" => {
            vec![Some((0, 65535, is_world(&many(any_case(request, "cidrip")))))]
        }
        _ => vec![],
    };
    rules.into_iter().flatten().collect()
}

fn is_world(blocks: &[String]) -> bool {
    blocks.iter().any(|block| world(block) == Some(true))
}

fn group_rule(rule: &Json) -> Option<Opening> {
    let mut blocks = Vec::new();
    for name in ["cidrIp", "cidrIpv4", "cidrIpv6"] {
        blocks.extend(many(any_case(rule, name)));
    }
    for (ranges, name) in [("ipRanges", "cidrIp"), ("ipv6Ranges", "cidrIpv6")] {
        let items = list(any_case(rule, ranges).and_then(|ranges| any_case(ranges, "items")));
        blocks.extend(items.into_iter().flat_map(|item| many(any_case(item, name))));
    }
    let (first, last) = range(any_case(rule, "ipProtocol"), any_case(rule, "fromPort"), any_case(rule, "toPort"))?;
    Some((first, last, is_world(&blocks)))
}

fn acl_entry(request: &Json) -> Option<Opening> {
    let text = |name: &str| any_case(request, name).and_then(value_text).unwrap_or_default();
    if text("egress") != "false" || text("ruleAction") != "allow" {
        return None;
    }
    let ports = any_case(request, "portRange").cloned().unwrap_or(Json::Null);
    let protocol = any_case(request, "aclProtocol").or(any_case(request, "protocol"));
    let (first, last) = range(protocol, any_case(&ports, "from"), any_case(&ports, "to"))?;
    let blocks = [many(any_case(request, "cidrBlock")), many(any_case(request, "ipv6CidrBlock"))].concat();
    Some((first, last, is_world(&blocks)))
}

fn instance_ports(info: &Json) -> Option<Opening> {
    let of = |name: &str| many(any_case(info, name));
    let (first, last) = range(any_case(info, "protocol"), any_case(info, "fromPort"), any_case(info, "toPort"))?;
    let blocks = [of("cidrs"), of("ipv6Cidrs")].concat();
    let unsaid = blocks.is_empty() && of("cidrListAliases").is_empty();
    Some((first, last, unsaid || is_world(&blocks)))
}

fn range(protocol: Option<&Json>, from: Option<&Json>, to: Option<&Json>) -> Option<(u64, u64)> {
    let protocol = protocol.and_then(value_text).unwrap_or("tcp".into()).to_ascii_lowercase();
    if ["-1", "all"].contains(&protocol.as_str()) {
        return Some((0, 65535));
    }
    if !["tcp", "udp", "6", "17"].contains(&protocol.as_str()) {
        return None;
    }
    let number = |value: Option<&Json>| value.and_then(value_text).and_then(|text| text.parse::<u64>().ok());
    match (number(from), number(to)) {
        (None, _) => Some((0, 65535)),
        (Some(first), last) => Some((first, last.unwrap_or(first))).filter(|(first, last)| first <= last),
    }
}

/// Returns the values of `ct.share.accounts`.
pub fn shared_with(event: &Json) -> Vec<String> {
    let Some(request) = event.member("requestParameters") else { return vec![] };
    let name = text_at(event, "eventName").unwrap_or_default();
    let added = |path: &str| {
        let items = list(at(request, path));
        items
            .into_iter()
            .flat_map(|item| [many(any_case(item, "userId")), many(any_case(item, "group"))].concat())
            .collect()
    };
    let names: Vec<String> = match name.as_str() {
        "ModifyImageAttribute" => added("launchPermission.add.items"),
        "ModifySnapshotAttribute" => added("createVolumePermission.add.items"),
        "ModifyFpgaImageAttribute" => added("ModifyFpgaImageAttributeRequest.LoadPermission.Add"),
        "ModifyDBSnapshotAttribute" | "ModifyDBClusterSnapshotAttribute"
            if many(any_case(request, "attributeName")) == ["restore"] =>
        {
            many(any_case(request, "valuesToAdd"))
        }
        "ModifyDocumentPermission" => many(any_case(request, "accountIdsToAdd")),
        "CreateResourceShare" | "AssociateResourceShare" => many(any_case(request, "principals")),
        "AuthorizeSnapshotAccess" => many(any_case(request, "accountWithRestoreAccess")),
        "AuthorizeDataShare" => many(any_case(request, "consumerIdentifier")),
        "CreateGrant" => many(any_case(request, "granteePrincipal")),
        layer if layer.starts_with("AddLayerVersionPermission") => {
            let mut names = many(any_case(request, "principal"));
            if any_case(request, "organizationId").is_some() {
                names.retain(|name| name != "*");
            }
            names
        }
        _ => vec![],
    };
    let mut accounts: Vec<String> = Vec::new();
    for name in names {
        let everyone = name == "*" || name.eq_ignore_ascii_case("all");
        let is_organization = name.split(':').nth(2) == Some("organizations");
        let account = if everyone { Some("*".to_owned()) } else { account_of(&name).filter(|_| !is_organization) };
        if let Some(account) =
            account.filter(|account| Some(account) != own(event).as_ref() && !accounts.contains(account))
        {
            accounts.push(account);
        }
    }
    accounts
}

/// Returns the value of `ec2.instancetype`.
pub fn instance_type(event: &Json) -> Option<String> {
    let asked =
        at(event, "requestParameters.instanceType").filter(|value| !matches!(value, Json::Obj(_) | Json::Arr(_)));
    let started = || {
        let items = at(event, "responseElements.instancesSet.items")?.items()?;
        items.iter().find_map(|item| text_at(item, "instanceType"))
    };
    asked
        .and_then(value_text)
        .or_else(started)
        .or_else(|| text_at(event, "requestParameters.launchSpecification.instanceType"))
        .or_else(|| text_at(event, "requestParameters.instanceType.value"))
}

/// Returns the value of `ec2.instancecount`.
pub fn instance_count(event: &Json) -> Option<u64> {
    let number = |value: Option<&Json>| value.and_then(value_text).and_then(|text| text.parse::<u64>().ok());
    let items = at(event, "requestParameters.instancesSet.items").and_then(Json::items).unwrap_or_default();
    let counts: Vec<u64> = items.iter().filter_map(|item| number(item.member("maxCount"))).collect();
    if !counts.is_empty() {
        return Some(counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)));
    }
    let others = [
        "requestParameters.instanceCount",
        "requestParameters.spotFleetRequestConfig.targetCapacity",
        "requestParameters.CreateFleetRequest.TargetCapacitySpecification.TotalTargetCapacity",
    ];
    others.iter().find_map(|path| number(at(event, path)))
}

/// Returns the value of `s3.expirydays`.
pub fn expiry_days(event: &Json) -> Option<u64> {
    let mut days: Vec<u64> = Vec::new();
    for rule in list(at(event, "requestParameters.LifecycleConfiguration.Rule")) {
        if text_at(rule, "Status").as_deref() == Some("Disabled") {
            continue;
        }
        for path in ["Expiration.Days", "NoncurrentVersionExpiration.NoncurrentDays"] {
            days.extend(text_at(rule, path).and_then(|text| text.parse::<u64>().ok()));
        }
        let moment = |text: Option<String>| text.and_then(|text| seconds(&text));
        if let (Some(now), Some(then)) = (moment(text_at(event, "eventTime")), moment(text_at(rule, "Expiration.Date")))
        {
            days.push((then - now).max(0) as u64 / 86400);
        }
    }
    days.sort_unstable();
    days.first().copied()
}

/// The seconds from the year 0 to a time such as `2026-01-31T12:00:00Z`, with or without a fraction.
fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| text.split(by).map(|n| n.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    let (date, time) = (numbers(date, '-')?, numbers(time.split('.').next()?, ':')?);
    let [year, month, day]: [i64; 3] = date.try_into().ok()?;
    let [hour, minute, second]: [i64; 3] = time.try_into().ok()?;
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: i64 = (0..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let days = before + lengths.iter().take(month as usize - 1).sum::<i64>() + day;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
