//! What a policy in a request opens: who gets in from outside, and whether it grants everything.
//!
//! Every policy of a request counts, wherever services put it: see [`read_policies`]. Without a policy, a single permission
//! (Lambda, EventBridge, SNS, SQS) counts as one of one statement. Only statements that allow are weighed:
//!
//! - `Principal` `*`, and `NotPrincipal`, is everyone. Account IDs and ARNs are their accounts. Canonical users and unique
//!   IDs, whose accounts are not known, are left out, and so are identity providers, except those that everyone can have an
//!   account with: without a condition that tells whose account, that is everyone.
//! - Services are those for whom they act: the foreign accounts that conditions name, else nobody.
//! - Conditions turn everyone into accounts or into nobody; see [`super::condition`]. A foreign account that is named,
//!   by a principal or by a condition, counts whatever else conditions ask for, unless one names only the own account.
//! - A statement without Principal opens nothing: it belongs to an identity.
//! - Statements that deny are not weighed against those that allow.
//!
//! Letter case does not matter in the names of elements and keys.

use super::accounts::{self, EVERYONE, Outsiders};
use super::condition::{Limits, Operator, is_conditional};
use super::pattern::is_everything;
use super::{at, each, event_name, member, pointer, push_flag, texts};
use jsontext::{Kind, Value};
use std::borrow::Cow;

/// How the names of members that hold a policy end; letter case does not matter.
const ENDINGS: &[&str] = &["policy", "policies", "policyDocument", "policyText", "policyInJson"];

/// Whom a single permission is for; SNS and SQS log `aWSAccountId` or `aWSAccountIds`.
const PRINCIPALS: &[&str] = &["principal", "awsAccountId", "awsAccountIds"];

/// `ct.policy.public`
pub(super) fn is_public(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    push_flag(!outsiders(event)?.is_empty(), out);
    Some(())
}

/// `ct.policy.accounts`
pub(super) fn accounts(event: Value<'_>) -> Vec<String> {
    outsiders(event).unwrap_or_default()
}

/// `ct.policy.admin`
pub(super) fn is_admin(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let mut admin = false;
    let any = read_policies(event, &mut |policy| admin |= each(member(policy, "Statement")).any(grants_everything));
    (any || permission(event).is_some()).then(|| push_flag(admin, out))
}

/// Returns who gets in from outside, or `None` when the request has no policy.
fn outsiders(event: Value<'_>) -> Option<Vec<String>> {
    let mut found = Outsiders::of(event);
    let any = read_policies(event, &mut |policy| {
        for statement in each(member(policy, "Statement")).filter(|statement| allows(*statement)) {
            open(statement, &mut found);
        }
    });
    if !any {
        open_permission(permission(event)?, &mut found);
    }
    Some(found.into_list())
}

/// Reads every policy of the event's request; returns whether there is one.
///
/// A policy is an object or text with a Statement, in a member that is named like one, at any depth of the request.
fn read_policies(event: Value<'_>, read: &mut dyn FnMut(Value<'_>)) -> bool {
    let Some(request) = at(event, &["requestParameters"]).filter(|request| request.kind() == Kind::Object) else {
        return false;
    };
    // Organizations names it so, and also a service control policy, which lets nobody in.
    let content = member(request, "content").filter(|_| event_name(event).as_deref() == Some("PutResourcePolicy"));
    let any = content.is_some_and(|content| read_policy(content, read));
    read_policies_in(request, read) || any
}

fn read_policies_in(value: Value<'_>, read: &mut dyn FnMut(Value<'_>)) -> bool {
    let mut any = unnamed(value).is_some_and(|value| read_policy(value, read));
    let mut look_at = |item: Value<'_>| {
        let name = item.name();
        let is_named = ENDINGS.iter().any(|ending| {
            let end = name.len().checked_sub(ending.len()).and_then(|start| name.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(ending.as_bytes()))
        });
        any |= is_named && read_policy(item, read) || read_policies_in(item, read);
    };
    match value.kind() {
        Kind::Object => value.members().for_each(&mut look_at),
        _ => value.items().for_each(&mut look_at),
    }
    any
}

/// Returns what holds a policy by what stands beside it: an attribute of SNS and SQS, a patch of API Gateway.
fn unnamed(object: Value<'_>) -> Option<Value<'_>> {
    let says = |name: &str, text: &str| member(object, name).is_some_and(|it| it.is(text));
    if says("attributeName", "Policy") {
        return member(object, "attributeValue");
    }
    member(object, "value").filter(|_| says("path", "/policy"))
}

/// Reads a value when it is a policy: an object, or its JSON text, as it is, URL-encoded, or escaped in quotes.
fn read_policy(value: Value<'_>, read: &mut dyn FnMut(Value<'_>)) -> bool {
    let mut read = |policy: Value<'_>| {
        let is_policy = policy.kind() == Kind::Object && member(policy, "Statement").is_some();
        if is_policy {
            read(policy);
        }
        is_policy
    };
    match value.kind() {
        Kind::Object => read(value),
        Kind::String => value.text().is_some_and(|text| {
            let text = pointer::out_of_quotes(&text).map_or(text, Cow::Owned);
            pointer::inside_text(&text, read).unwrap_or(false)
        }),
        _ => false,
    }
}

fn allows(statement: Value<'_>) -> bool {
    member(statement, "Effect").is_some_and(|effect| effect.is("Allow"))
}

/// Adds those that a statement lets in.
fn open(statement: Value<'_>, found: &mut Outsiders) {
    let limits = Limits::of(statement, found);
    let principal = member(statement, "Principal");
    let in_object = |name| principal.and_then(|principal| member(principal, name));
    let plain = principal.filter(|principal| principal.kind() != Kind::Object);
    let groups = Groups {
        everyone: principal.is_none() && member(statement, "NotPrincipal").is_some()
            || limits.let_everyone_sign_in(in_object("Federated")),
        services: in_object("Service").is_some(),
    };
    let_in(texts(plain).chain(texts(in_object("AWS"))), groups, &limits, found);
}

/// Whom principals stand for beside accounts.
#[derive(Debug, Default)]
struct Groups {
    everyone: bool,
    services: bool,
}

/// Adds those that principals stand for, as far as the conditions let them in.
fn let_in<'a>(
    names: impl Iterator<Item = Cow<'a, str>>,
    mut groups: Groups,
    limits: &Limits,
    found: &mut Outsiders<'_>,
) {
    for name in names {
        if is_everyone(&name) {
            groups.everyone = true;
        } else if let Some(account) = accounts::named(&name) {
            if !limits.leave_nobody() {
                found.add(account);
            }
        } else if name.contains('.') && !name.starts_with("arn:") {
            groups.services = true;
        }
    }
    if groups.everyone {
        limits.admit_everyone(found);
    } else if groups.services {
        limits.admit_services(found);
    }
}

/// Returns whether a principal stands for everyone.
fn is_everyone(principal: &str) -> bool {
    let account = principal.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3));
    principal == EVERYONE || account.is_some_and(|account| account.contains(['*', '?']))
}

/// Returns the parameters of a request that adds a single permission.
fn permission(event: Value<'_>) -> Option<Value<'_>> {
    let name = event_name(event)?;
    if !name.starts_with("AddPermission") && name != "PutPermission" {
        return None;
    }
    let request = at(event, &["requestParameters"])?;
    PRINCIPALS.iter().any(|name| member(request, name).is_some()).then_some(request)
}

/// Adds those that a single permission lets in.
fn open_permission(request: Value<'_>, found: &mut Outsiders) {
    let mut limits = Limits::default();
    for (name, operator, key) in [
        ("sourceArn", "ArnLike", "aws:SourceArn"),
        ("sourceAccount", "StringEquals", "aws:SourceAccount"),
        ("principalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ] {
        if let Some(values) = member(request, name) {
            limits.weigh(Operator::named(operator), key, values, found);
        }
    }
    let condition = member(request, "condition");
    let text = |name| condition.and_then(|condition| member(condition, name));
    if let (Some(operator), Some(key), Some(values)) = (text("type"), text("key"), text("value"))
        && let (Some(operator), Some(key)) = (operator.text(), key.text())
    {
        limits.weigh(Operator::named(&operator), &key, values, found);
    }
    let names = PRINCIPALS.iter().flat_map(|name| texts(member(request, name)));
    let_in(names, Groups::default(), &limits, found);
}

/// Returns whether a statement of an identity's policy grants every action on every resource.
///
/// `NotAction` grants everything too unless it holds back `iam:*`: whoever may use IAM can grant the rest. `NotResource`
/// counts as every resource.
fn grants_everything(statement: Value<'_>) -> bool {
    let has = |name: &str, holds: fn(&str) -> bool| texts(member(statement, name)).any(|text| holds(&text));
    let is_there = |name: &str| member(statement, name).is_some();
    let all_actions = has("Action", is_everything)
        || is_there("NotAction")
            && !has("NotAction", |action| is_everything(action) || action.eq_ignore_ascii_case("iam:*"));
    let all_resources = has("Resource", is_everything) || is_there("NotResource") && !has("NotResource", is_everything);
    allows(statement)
        && all_actions
        && all_resources
        && !is_there("Principal")
        && !is_there("NotPrincipal")
        && !is_conditional(statement)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Key;
    use super::super::tests::{text_of, value_of};

    /// An event of account 111122223333.
    fn event(name: &str, parameters: &str) -> String {
        format!(r#"{{"eventName":"{name}","recipientAccountId":"111122223333","requestParameters":{{{parameters}}}}}"#)
    }

    /// Who gets in by a statement that allows and has these members.
    pub fn let_in(members: &str) -> String {
        let statement = format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",{members}}}"#);
        let event = event("PutBucketPolicy", &format!(r#""bucketPolicy":{{"Statement":[{statement}]}}"#));
        let accounts = text_of("ct.policy.accounts", &event);
        let public = if accounts == "<NA>" { "false" } else { "true" };
        assert_eq!(text_of("ct.policy.public", &event), public, "{members}");
        accounts
    }

    #[test]
    fn principals_are_everyone_accounts_or_nobody_known() {
        for (principal, accounts) in [
            (r#""Principal":"*""#, "*"),
            (r#""Principal":{"AWS":"*"}"#, "*"),
            // Accounts come before what stands for everyone.
            (r#""principal":{"aws":["*","444455556666"]}"#, "444455556666|*"),
            (r#""Principal":{"AWS":"444455556666"}"#, "444455556666"),
            (r#""Principal":{"AWS":"111122223333"}"#, "<NA>"),
            (
                r#""Principal":{"AWS":["arn:aws:iam::444455556666:root","arn:aws-cn:iam::777788889999:role/x","444455556666"]}"#,
                "444455556666|777788889999",
            ),
            (r#""Principal":{"AWS":["arn:aws:sts::111122223333:assumed-role/a/b"]}"#, "<NA>"),
            (r#""Principal":{"AWS":"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}"#, "<NA>"),
            (r#""Principal":{"AWS":"arn:aws:iam::*:root"}"#, "*"),
            (r#""Principal":{"AWS":["AIDAIOSFODNN7EXAMPLE",12,null,{}]}"#, "<NA>"),
            (r#""Principal":{"Service":"ec2.amazonaws.com"}"#, "<NA>"),
            (r#""Principal":{"CanonicalUser":"79a59df900b949e5"}"#, "<NA>"),
            (r#""Principal":{"Service":"*","AWS":[]}"#, "<NA>"),
            (r#""NotPrincipal":{"AWS":"111122223333"}"#, "*"),
            (r#""Principal":null,"NotPrincipal":{"AWS":"444455556666"}"#, "*"),
            (r#""Sid":"an identity's""#, "<NA>"),
            // Of duplicates the first counts.
            (r#""Principal":{"Service":"a","AWS":"111122223333","AWS":"*"}"#, "<NA>"),
        ] {
            assert_eq!(let_in(principal), accounts, "{principal}");
        }
    }

    #[test]
    fn only_statements_that_allow_are_weighed() {
        let everyone = |effect: &str| format!(r#"{{{effect}"Principal":"*"}}"#);
        for (statements, accounts) in [
            (everyone(r#""Effect":"Allow","#), "*"),
            (everyone(r#""effect":"Allow","#), "*"),
            (everyone(r#""Effect":"Deny","#), "<NA>"),
            (everyone(""), "<NA>"),
            // A denial does not take back what another statement allows.
            (format!("[{},{}]", everyone(r#""Effect":"Deny","#), everyone(r#""Effect":"Allow","#)), "*"),
            (r#"["text",1,null,[]]"#.into(), "<NA>"),
            ("[]".into(), "<NA>"),
            (r#""text""#.into(), "<NA>"),
            (
                r#"[{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}},
                    {"Effect":"Allow","Principal":{"AWS":"444455556666"}}]"#
                    .into(),
                "444455556666",
            ),
            (
                r#"[{"Effect":"Allow","Principal":{"AWS":"111122223333"}},{"Effect":"Allow","Principal":"*"}]"#.into(),
                "*",
            ),
        ] {
            let event = event("PutBucketPolicy", &format!(r#""bucketPolicy":{{"Statement":{statements}}}"#));
            assert_eq!(text_of("ct.policy.accounts", &event), accounts, "{statements}");
            assert_ne!(text_of("ct.policy.public", &event), "<NA>", "{statements}");
        }
    }

    #[test]
    fn a_policy_is_found_where_services_put_it() {
        const OPEN: &str = r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#;
        let text = OPEN.replace('"', "\\\"");
        let encoded = OPEN.replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
        let quoted = format!("\"{text}\"").replace('\\', "\\\\").replace('"', "\\\"");
        let named = [
            "policy",
            "Policy",
            "POLICY",
            "bucketPolicy",
            "policyDocument",
            "assumeRolePolicyDocument",
            "policyText",
            "resourcePolicy",
            "accessPolicy",
            "accessPolicies",
            "policyInJson",
            "inlinePolicy",
            "repositoryPolicy",
            "accessPointPolicy",
            "deliveryDestinationPolicy",
            "s3AccessPolicy",
            "resolverRulePolicy",
            "resolverQueryLogConfigPolicy",
            "firewallRuleGroupPolicy",
            "configuredAudienceModelPolicy",
            r"pol\u0069cy",
        ];
        let named = named.iter().flat_map(|name| {
            [OPEN.to_owned(), format!(r#"" {text} ""#), format!(r#""{encoded}""#), format!(r#""{quoted}""#)]
                .map(|policy| format!(r#""{name}":{policy}"#))
        });
        for parameters in named.chain([
            format!(r#""policy":"","bucketPolicy":{OPEN}"#),
            format!(r#""policy":[""],"bucketPolicy":{OPEN}"#),
            format!(r#""policy":"not JSON","policyText":"{text}""#),
            format!(r#""policy":{{"Statement":[]}},"policyText":"{text}""#),
            format!(r#""dataProtectionPolicy":{{"Statement":[]}},"attributes":{{"Policy":"{text}"}}"#),
            format!(r#""policy":{{"policy":"{text}"}}"#),
            format!(r#""PutMultiRegionAccessPointPolicyRequest":{{"Details":{{"Name":"a","Policy":"{text}"}}}}"#),
            format!(r#""s3AccessPoint":{{"policy":"{text}"}}"#),
            format!(r#""items":[[{{"policyDocument":"{text}"}}]]"#),
            format!(r#""attributes":{{"Policy":"{text}"}}"#),
            format!(r#""attributeName":"Policy","attributeValue":"{text}""#),
            format!(r#""CreateVpcEndpointRequest":{{"PolicyDocument":"{text}"}}"#),
            format!(r#""name":"a","PutAccessPointPolicyRequest":{{"Policy":"{text}"}}"#),
            format!(r#""createRestApiInput":{{"policy":"{text}"}}"#),
            format!(r#""patchOperations":[{{"path":"/name","value":"x"}},{{"path":"/policy","value":"{text}"}}]"#),
            format!(r#""updateRestApiInput":{{"patchOperations":[{{"path":"/policy","value":"{quoted}"}}]}}"#),
        ]) {
            let event = event("X", &parameters);
            assert_eq!(text_of("ct.policy.accounts", &event), "*", "{parameters}");
            assert_eq!(text_of("ct.policy.admin", &event), "false", "{parameters}");
        }
        // A service control policy holds back, it opens nothing.
        for (name, public) in [("PutResourcePolicy", "true"), ("CreatePolicy", "<NA>")] {
            assert_eq!(text_of("ct.policy.public", &event(name, &format!(r#""content":"{text}""#))), public, "{name}");
        }
        for parameters in [
            r#""policy":"""#.to_owned(),
            r#""policy":{"Version":"2012-10-17"}"#.into(),
            r#""policy":{"Statement":null}"#.into(),
            format!(r#""attributeName":"DeliveryPolicy","attributeValue":"{text}""#),
            format!(r#""patchOperations":[{{"path":"/name","value":"{text}"}}]"#),
            format!(r#""policy":{text:?}"#),
            format!(r#""policy":null,"policy":{OPEN}"#),
            format!(r#""policy":["{text}"]"#),
            format!(r#""policy":[{OPEN}]"#),
            format!(r#""stackPolicyBody":"{text}","policyName":"{text}""#),
            r#""accessPolicies":"[{\"Principal\":[\"*\"]}]""#.into(),
            String::new(),
        ] {
            for field in ["ct.policy.public", "ct.policy.accounts", "ct.policy.admin"] {
                assert_eq!(text_of(field, &event("X", &parameters)), "<NA>", "{field} {parameters}");
            }
        }
    }

    #[test]
    fn the_text_of_a_policy_is_read_as_an_event_is() {
        for (policy, accounts) in [
            (r#"{\"Statement\":{\"Effect\":\"Allow\",\"Princip\\u0061l\":\"\\u002a\"}}"#, "*"),
            (r#"{\u0022Statement\u0022:{\"Effect\":\"Allow\",\"Principal\":\"*\"}}"#, "*"),
            // Of duplicates the first counts, in the text of a policy too.
            (r#"{\"Statement\":[],\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\"}}"#, "<NA>"),
            (r#"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"a\"},\"Principal\":\"*\"}}"#, "<NA>"),
            // NUL is no text of an account, and no white space.
            (r#"{\"Statement\":{\"Sid\":\"a\\u0000b\",\"Effect\":\"Allow\",\"Principal\":\"*\"}}"#, "*"),
            (r#"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\\u0000\"}}"#, "<NA>"),
        ] {
            assert_eq!(
                text_of("ct.policy.accounts", &event("X", &format!(r#""policy":"{policy}""#))),
                accounts,
                "{policy}"
            );
            assert_ne!(
                text_of("ct.policy.public", &event("X", &format!(r#""policy":"{policy}""#))),
                "<NA>",
                "{policy}"
            );
        }
        let between = r#""policy":"{\u0000\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\"}}""#;
        assert_eq!(text_of("ct.policy.public", &event("X", between)), "<NA>");
    }

    #[test]
    fn services_are_those_for_whom_they_act() {
        const SERVICE: &str = r#""Principal":{"Service":["sns.amazonaws.com","s3.amazonaws.com"]}"#;
        for (condition, accounts) in [
            ("{}", "<NA>"),
            (r#"{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#, "<NA>"),
            (r#"{"StringEquals":{"aws:SourceAccount":["444455556666","111122223333"]}}"#, "444455556666"),
            (r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:444455556666:*"}}"#, "444455556666"),
            (r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:topic"}}"#, "<NA>"),
            (r#"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket"}}"#, "<NA>"),
            (
                r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:444455556666:*"},"StringEquals":{"aws:SourceAccount":"111122223333"}}"#,
                "<NA>",
            ),
            (
                r#"{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:444455556666:*"},"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}}"#,
                "444455556666",
            ),
        ] {
            assert_eq!(let_in(&format!(r#"{SERVICE},"Condition":{condition}"#)), accounts, "{condition}");
        }
    }

    #[test]
    fn single_permissions_are_policies_of_one_statement() {
        for (name, parameters, accounts) in [
            ("AddPermission20150331v2", r#""principal":"*""#, "*"),
            ("AddPermission20150331v2", r#""principal":"444455556666""#, "444455556666"),
            ("AddPermission20150331v2", r#""principal":"arn:aws:iam::111122223333:role/x""#, "<NA>"),
            ("AddPermission20150331v2", r#""principal":"s3.amazonaws.com","sourceArn":"arn:aws:s3:::b""#, "<NA>"),
            (
                "AddPermission20150331v2",
                r#""principal":"sns.amazonaws.com","sourceArn":"arn:aws:sns:x:444455556666:t""#,
                "444455556666",
            ),
            (
                "AddPermission20150331v2",
                r#""principal":"s3.amazonaws.com","sourceAccount":"444455556666","sourceArn":"arn:aws:s3:::bucket""#,
                "444455556666",
            ),
            (
                "AddPermission20150331v2",
                r#""principal":"events.amazonaws.com","sourceAccount":"444455556666""#,
                "444455556666",
            ),
            ("AddPermission20150331v2", r#""principal":"apigateway.amazonaws.com""#, "<NA>"),
            ("AddPermission20150331v2", r#""principal":"*","principalOrgID":"o-a1b2c3d4e5""#, "<NA>"),
            ("AddPermission20150331v2", r#""principal":"*","sourceAccount":"111122223333""#, "<NA>"),
            ("AddPermission20150331v2", r#""principal":"*","sourceAccount":"444455556666""#, "444455556666"),
            (
                "AddPermission20150331v2",
                r#""principal":"*","sourceArn":"arn:aws:sns:x:444455556666:t""#,
                "444455556666",
            ),
            (
                "AddPermission20150331v2",
                r#""principal":"444455556666","principalOrgID":"o-a1b2c3d4e5""#,
                "444455556666",
            ),
            ("PutPermission", r#""principal":"*""#, "*"),
            (
                "PutPermission",
                r#""principal":"*","condition":{"type":"StringEquals","key":"aws:PrincipalOrgID","value":"o-a1b2c3d4e5"}"#,
                "<NA>",
            ),
            ("AddPermission", r#""aWSAccountIds":["444455556666","111122223333","*"]"#, "444455556666|*"),
            ("AddPermission", r#""aWSAccountId":["777788889999"]"#, "777788889999"),
        ] {
            let event = event(name, parameters);
            assert_eq!(text_of("ct.policy.accounts", &event), accounts, "{parameters}");
            assert_eq!(text_of("ct.policy.public", &event), if accounts == "<NA>" { "false" } else { "true" });
            assert_eq!(text_of("ct.policy.admin", &event), "false");
        }
        for (name, parameters) in [("RemovePermission", r#""principal":"*""#), ("AddPermission", r#""label":"x""#)] {
            assert_eq!(text_of("ct.policy.public", &event(name, parameters)), "<NA>", "{name}");
        }
    }

    #[test]
    fn the_own_account_is_the_one_that_got_the_event() {
        let own = |members: &str| {
            let policy = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["111122223333","444455556666"]}}}"#;
            text_of("ct.policy.accounts", &format!(r#"{{{members}"requestParameters":{{"policy":{policy}}}}}"#))
        };
        assert_eq!(own(r#""recipientAccountId":"444455556666","#), "111122223333");
        assert_eq!(
            own(r#""recipientAccountId":"444455556666","userIdentity":{"accountId":"111122223333"},"#),
            "111122223333"
        );
        assert_eq!(own(r#""userIdentity":{"accountId":"111122223333"},"#), "444455556666");
        assert_eq!(own(""), "111122223333|444455556666");
    }

    #[test]
    fn accounts_have_places() {
        let event = event("X", r#""policy":{"Statement":{"Effect":"Allow","Principal":{"AWS":["*","444455556666"]}}}"#);
        assert_eq!(value_of("ct.policy.accounts", Key::Index(0), &event), "444455556666");
        assert_eq!(value_of("ct.policy.accounts", Key::Index(1), &event), "*");
        assert_eq!(value_of("ct.policy.accounts", Key::Index(2), &event), "<NA>");
        assert_eq!(value_of("ct.policy.accounts", Key::Index(u64::MAX), &event), "<NA>");
    }

    #[test]
    fn everything_is_granted_by_every_action_on_every_resource() {
        for (statement, admin) in [
            (r#""Effect":"Allow","Action":"*","Resource":"*""#, "true"),
            (r#""Effect":"Allow","Action":"*:*","Resource":["*"]"#, "true"),
            (r#""effect":"Allow","action":["s3:Get*","*"],"resource":["arn:aws:s3:::b","*"]"#, "true"),
            (r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{}"#, "true"),
            (r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{},"Bool":{}}"#, "true"),
            (r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":["x","*"]}}"#, "true"),
            (
                r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:*:*:*:*"},"ForAnyValue:StringLikeIfExists":{"a:b":"**"}}"#,
                "true",
            ),
            (
                r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":"*"},"StringEquals":{"a:b":"*"}}"#,
                "false",
            ),
            (r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringNotLike":{"a:b":"*"}}"#, "false"),
            (r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":"?*"}}"#, "false"),
            (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:*:*:*:*""#, "true"),
            (r#""Effect":"Allow","Action":"*","Resource":"arn:*""#, "true"),
            (r#""Effect":"Allow","Action":"*","Resource":["arn:aws-cn:*"]"#, "true"),
            (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:iam:*""#, "false"),
            (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:*:*:111122223333:*""#, "false"),
            (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:::*""#, "false"),
            (r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:*:*:*:*""#, "false"),
            (r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b/*""#, "true"),
            (r#""Effect":"Allow","NotAction":"s3:*","Resource":"*""#, "true"),
            (r#""Effect":"Allow","NotAction":["IAM:*","organizations:*"],"Resource":"*""#, "false"),
            (r#""Effect":"Allow","NotAction":"*","Resource":"*""#, "false"),
            (r#""Effect":"Allow","Action":"*","NotResource":"*""#, "false"),
            (r#""Effect":"Allow","Action":"s3:*","Resource":"*""#, "false"),
            (r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::*""#, "false"),
            (r#""Effect":"Allow","Action":["",":"],"Resource":"*""#, "false"),
            (r#""Effect":"Deny","Action":"*","Resource":"*""#, "false"),
            (r#""Effect":"Allow","Action":"*","Resource":"*","Principal":"*""#, "false"),
            (r#""Effect":"Allow","Action":"*","Resource":"*","NotPrincipal":"*""#, "false"),
            (
                r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
                "false",
            ),
            (r#""Effect":"Allow","Resource":"*""#, "false"),
        ] {
            let event = event(
                "PutUserPolicy",
                &format!(r#""policyDocument":{{"Statement":[{{"Effect":"Deny"}},{{{statement}}}]}}"#),
            );
            assert_eq!(text_of("ct.policy.admin", &event), admin, "{statement}");
            if !statement.contains("rincipal") {
                assert_eq!(text_of("ct.policy.public", &event), "false", "{statement}");
            }
        }
    }

    #[test]
    fn a_hostile_policy_costs_no_more_than_its_length() {
        let principals = vec![r#""*""#; 200_000].join(",");
        let accounts: Vec<_> = (0..100_000).map(|number| format!(r#""{number:012}""#)).collect();
        let members = format!(
            r#""Principal":{{"AWS":[{principals}],"Federated":[{principals}]}},"Condition":{{"StringEquals":{{"aws:SourceAccount":[{}]}}}}"#,
            accounts.join(",")
        );
        assert_eq!(let_in(&members).split('|').count(), 100_000);
        let deep = format!(r#""Principal":{}1{}"#, "[".repeat(900), "]".repeat(900));
        assert_eq!(let_in(&deep), "<NA>");
        let open = r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#;
        let nested = format!(r#"{}"policy":{open}{}"#, r#""policy":{"#.repeat(900), "}".repeat(900));
        assert_eq!(text_of("ct.policy.accounts", &event("X", &nested)), "*");
    }
}
