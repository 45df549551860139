//! Which ports a request opens, and whether to the world.
//!
//! A block of addresses is the world when its prefix is shorter than 8 (IPv4) or 16 (IPv6). Protocols without ports, such
//! as ICMP, are left out, and so are prefix lists and other groups. The requests are those for security groups and network
//! ACLs of EC2, for public ports of Lightsail, and for the security groups of RDS and Redshift, which know no ports.
//! ModifySecurityGroupRules does not say whether a rule is for ingress, so it counts.

use super::{at, each, event_name, member, network, texts};
use jsontext::Value;
use std::borrow::Cow;
use std::collections::HashSet;

/// Ports that are opened to the world or to somewhere.
#[derive(Clone, Copy, Debug)]
struct Opening {
    first: u64,
    last: u64,
    world: bool,
}

const LAST_PORT: u64 = 65_535;

/// `ct.ingress.public`: whether the port, or any port, is opened to the world.
pub(super) fn is_public(event: Value<'_>, port: Option<u64>) -> Option<bool> {
    let openings = openings(event);
    let is_meant = |it: &Opening| port.is_none_or(|port| (it.first..=it.last).contains(&port));
    (!openings.is_empty()).then(|| openings.iter().any(|it| it.world && is_meant(it)))
}

/// `ct.ingress.ports`: `22`, `8000-8100`, `all`.
pub(super) fn ports(event: Value<'_>) -> Vec<String> {
    let mut known = HashSet::new();
    let world = openings(event).into_iter().filter(|it| it.world);
    let texts = world.map(|it| match (it.first, it.last) {
        (0, LAST_PORT) => "all".to_owned(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    texts.filter(|text| known.insert(text.clone())).collect()
}

fn openings(event: Value<'_>) -> Vec<Opening> {
    let (Some(name), Some(request)) = (event_name(event), at(event, &["requestParameters"])) else { return Vec::new() };
    match &*name {
        "AuthorizeSecurityGroupIngress" => {
            // One permission may also stand in the request itself.
            let is_flat = ["ipProtocol", "cidrIp", "fromPort"].iter().any(|name| member(request, name).is_some());
            let permissions = each(at(request, &["ipPermissions", "items"]));
            permissions.chain(is_flat.then_some(request)).filter_map(permission).collect()
        }
        "ModifySecurityGroupRules" => {
            let rules = each(at(request, &["ModifySecurityGroupRulesRequest", "SecurityGroupRule"]));
            rules.filter_map(|rule| permission(member(rule, "SecurityGroupRule")?)).collect()
        }
        "CreateNetworkAclEntry" | "ReplaceNetworkAclEntry" => acl_entry(request).into_iter().collect(),
        "OpenInstancePublicPorts" | "PutInstancePublicPorts" => {
            let infos = ["portInfo", "portInfos"].into_iter().flat_map(|name| each(member(request, name)));
            infos.filter_map(port_info).collect()
        }
        "AuthorizeDBSecurityGroupIngress" | "AuthorizeClusterSecurityGroupIngress" => {
            vec![Opening { first: 0, last: LAST_PORT, world: holds_world(texts(member(request, "cidrip"))) }]
        }
        _ => Vec::new(),
    }
}

fn holds_world<'a>(mut blocks: impl Iterator<Item = Cow<'a, str>>) -> bool {
    blocks.any(|block| network::is_wide(&block) == Some(true))
}

/// Reads a permission of a security group, whatever the letter case of its members.
fn permission(rule: Value<'_>) -> Option<Opening> {
    let (first, last) = ports_of(member(rule, "ipProtocol"), member(rule, "fromPort"), member(rule, "toPort"))?;
    let own = ["cidrIp", "cidrIpv4", "cidrIpv6"].into_iter().flat_map(|name| texts(member(rule, name)));
    let listed = [("ipRanges", "cidrIp"), ("ipv6Ranges", "cidrIpv6")].into_iter().flat_map(|(ranges, block)| {
        let items = each(member(rule, ranges).and_then(|ranges| member(ranges, "items")));
        items.flat_map(move |item| texts(member(item, block)))
    });
    Some(Opening { first, last, world: holds_world(own.chain(listed)) })
}

fn acl_entry(request: Value<'_>) -> Option<Opening> {
    let says = |name: &str, text: &str| member(request, name).and_then(|it| it.text()).as_deref() == Some(text);
    if !says("egress", "false") || !says("ruleAction", "allow") {
        return None;
    }
    let protocol = member(request, "aclProtocol").or_else(|| member(request, "protocol"));
    let range = member(request, "portRange");
    let bound = |name| range.and_then(|range| member(range, name));
    let (first, last) = ports_of(protocol, bound("from"), bound("to"))?;
    let blocks = ["cidrBlock", "ipv6CidrBlock"].into_iter().flat_map(|name| texts(member(request, name)));
    Some(Opening { first, last, world: holds_world(blocks) })
}

/// Reads the ports of a Lightsail instance, which are open to the world unless it is said to whom.
fn port_info(info: Value<'_>) -> Option<Opening> {
    let (first, last) = ports_of(member(info, "protocol"), member(info, "fromPort"), member(info, "toPort"))?;
    let listed = |name: &str| texts(member(info, name));
    let is_open = ["cidrs", "ipv6Cidrs", "cidrListAliases"].iter().all(|name| listed(name).next().is_none());
    Some(Opening { first, last, world: is_open || holds_world(listed("cidrs").chain(listed("ipv6Cidrs"))) })
}

/// Returns the first and the last port, all of them where none is said; `None` for protocols without ports.
fn ports_of(protocol: Option<Value<'_>>, from: Option<Value<'_>>, to: Option<Value<'_>>) -> Option<(u64, u64)> {
    let protocol = protocol.and_then(|it| it.text()).map(|it| it.to_ascii_lowercase());
    match protocol.as_deref() {
        None | Some("tcp" | "udp" | "6" | "17") => {}
        Some("-1" | "all") => return Some((0, LAST_PORT)),
        Some(_) => return None,
    }
    // -1, as all that is no port, stands for all ports.
    let port = |value: Option<Value<'_>>| value?.text()?.parse::<u64>().ok();
    let Some(first) = port(from) else { return Some((0, LAST_PORT)) };
    let last = port(to).unwrap_or(first);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::super::tests::{text_of, value_of};

    fn event(name: &str, parameters: &str) -> String {
        format!(r#"{{"eventName":"{name}","requestParameters":{parameters}}}"#)
    }

    #[test]
    fn every_shape_tells_its_ports() {
        const GROUP: &str = "AuthorizeSecurityGroupIngress";
        const RULES: &str = "ModifySecurityGroupRules";
        const ACL: &str = "CreateNetworkAclEntry";
        let rule = |rule: &str| format!(r#"{{"ModifySecurityGroupRulesRequest":{{"SecurityGroupRule":{rule}}}}}"#);
        let permissions = |items: &str| format!(r#"{{"ipPermissions":{{"items":[{items}]}}}}"#);
        let acl = |members: &str| format!(r#"{{"egress":false,"ruleAction":"allow",{members}}}"#);
        for (name, parameters, public, ports) in [
            (GROUP, r#"{"ipPermissions":{},"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIp":"0.0.0.0/0"}"#.into(), "true", "22"),
            (GROUP, r#"{"ipPermissions":{},"ipProtocol":"tcp","fromPort":"22","toPort":"22","cidrIp":"10.0.0.0/8"}"#.into(), "false", "<NA>"),
            (GROUP, r#"{"ipPermissions":{},"cidrIp":"0.0.0.0/0"}"#.into(), "true", "all"),
            (GROUP, r#"{"ipPermissions":{}}"#.into(), "<NA>", "<NA>"),
            (GROUP, r#"{"ipPermissions":{},"ipProtocol":"icmp","fromPort":-1,"toPort":-1,"cidrIp":"0.0.0.0/0"}"#.into(), "<NA>", "<NA>"),
            (GROUP, r#"{"ipPermissions":{},"ipProtocol":"-1","fromPort":22,"toPort":22,"cidrIp":"0.0.0.0/0"}"#.into(), "true", "all"),
            (
                GROUP,
                permissions(
                    r#"{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},"ipRanges":{"items":[{"cidrIp":"203.0.113.0/24"},{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{}},
                       {"ipProtocol":"udp","fromPort":8000,"toPort":8100,"ipRanges":{},"ipv6Ranges":{"items":[{"cidrIpv6":"::/0"}]}},
                       {"ipProtocol":"6","fromPort":443,"toPort":443,"ipRanges":{"items":[{"cidrIp":"128.0.0.0/1"}]}},
                       {"ipProtocol":"tcp","fromPort":25,"toPort":25,"ipRanges":{"items":[{"cidrIp":"10.0.0.0/8"}]}},
                       {"ipProtocol":"58","ipv6Ranges":{"items":[{"cidrIpv6":"::/0"}]}}"#,
                ),
                "true",
                "443|8000-8100",
            ),
            (GROUP, permissions(r#"{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{"items":[{"groupId":"sg-1"}]}}"#), "false", "<NA>"),
            (GROUP, permissions(r#"{"ipProtocol":"-1","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}"#), "true", "all"),
            (GROUP, permissions(r#"{"ipProtocol":"tcp","fromPort":0,"toPort":65535,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}"#), "true", "all"),
            (RULES, rule(r#"{"SecurityGroupRuleId":"sgr-1","SecurityGroupRule":{"IpProtocol":"tcp","FromPort":3389,"ToPort":3389,"CidrIpv4":"0.0.0.0/0"}}"#), "true", "3389"),
            (RULES, rule(r#"[{"SecurityGroupRule":{"IpProtocol":"tcp","FromPort":1,"ToPort":2,"CidrIpv6":"::/1"}},{"SecurityGroupRule":{"IpProtocol":"-1","CidrIpv4":"10.1.0.0/16"}},{}]"#), "true", "1-2"),
            (ACL, acl(r#""aclProtocol":"6","portRange":{"from":22,"to":22},"cidrBlock":"0.0.0.0/0""#), "true", "22"),
            ("ReplaceNetworkAclEntry", acl(r#""aclProtocol":"-1","portRange":{},"ipv6CidrBlock":"::/0""#), "true", "all"),
            (ACL, acl(r#""aclProtocol":"1","icmpTypeCode":{},"cidrBlock":"0.0.0.0/0""#), "<NA>", "<NA>"),
            (ACL, r#"{"egress":true,"ruleAction":"allow","aclProtocol":"-1","cidrBlock":"0.0.0.0/0"}"#.into(), "<NA>", "<NA>"),
            (ACL, r#"{"egress":false,"ruleAction":"deny","aclProtocol":"-1","cidrBlock":"0.0.0.0/0"}"#.into(), "<NA>", "<NA>"),
            ("OpenInstancePublicPorts", r#"{"portInfo":{"fromPort":80,"toPort":80,"protocol":"tcp"}}"#.into(), "true", "80"),
            ("OpenInstancePublicPorts", r#"{"portInfo":{"fromPort":80,"toPort":80,"protocol":"TCP","cidrs":["10.0.0.0/8"]}}"#.into(), "false", "<NA>"),
            ("OpenInstancePublicPorts", r#"{"portInfo":{"fromPort":80,"toPort":80,"protocol":"tcp","cidrListAliases":["lightsail-connect"]}}"#.into(), "false", "<NA>"),
            ("PutInstancePublicPorts", r#"{"portInfos":[{"protocol":"all","ipv6Cidrs":["::/0"]},{"fromPort":22,"toPort":22,"protocol":"tcp","cidrs":["0.0.0.0/0"]}]}"#.into(), "true", "all|22"),
            ("AuthorizeDBSecurityGroupIngress", r#"{"cIDRIP":"0.0.0.0/0"}"#.into(), "true", "all"),
            ("AuthorizeClusterSecurityGroupIngress", r#"{"eC2SecurityGroupName":"x"}"#.into(), "false", "<NA>"),
            ("RevokeSecurityGroupIngress", r#"{"ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIp":"0.0.0.0/0"}"#.into(), "<NA>", "<NA>"),
            (GROUP, "null".into(), "<NA>", "<NA>"),
        ] {
            let event = event(name, &parameters);
            assert_eq!(text_of("ct.ingress.public", &event), public, "{parameters}");
            assert_eq!(text_of("ct.ingress.ports", &event), ports, "{parameters}");
        }
    }

    #[test]
    fn a_port_is_open_when_it_is_in_a_range_that_is() {
        let event = event(
            "AuthorizeSecurityGroupIngress",
            r#"{"ipProtocol":"tcp","fromPort":20,"toPort":23,"cidrIp":"0.0.0.0/0","ipPermissions":{"items":[
                {"ipProtocol":"tcp","fromPort":3306,"toPort":3306,"ipRanges":{"items":[{"cidrIp":"10.0.0.0/8"}]}}]}}"#,
        );
        for (port, public) in [(19, "false"), (20, "true"), (22, "true"), (23, "true"), (24, "false"), (3306, "false")]
        {
            assert_eq!(value_of("ct.ingress.public", Key::Index(port), &event), public, "{port}");
        }
        assert_eq!(value_of("ct.ingress.public", Key::Index(u64::MAX), &event), "false");
        assert_eq!(value_of("ct.ingress.public", Key::from_text("/22"), &event), "<NA>");
        assert_eq!(value_of("ct.ingress.ports", Key::Index(0), &event), "20-23");
    }
}
