//! The policy fields of the oracle: who is let in from outside, and who is granted everything. Policies are first
//! flattened to lists of plain text, then each statement is asked one question after the other.

use super::json::{self, Json};
use super::{pointer, text_at, value_text};

/// A condition: operator and key in lower case, and its values.
type Condition = (String, String, Vec<String>);

/// A statement that allows.
struct Statement {
    /// What stands under `AWS`, or in the Principal itself; everyone for NotPrincipal.
    names: Vec<String>,
    is_for_services: bool,
    providers: Vec<String>,
    conditions: Vec<Condition>,
    /// The elements in lower case with their texts.
    elements: Vec<(String, Vec<String>)>,
}

/// Returns the accounts that the request's policy lets in; `None` without a policy.
pub fn accounts(event: &Json) -> Option<Vec<String>> {
    let own = own(event);
    let policies = policies(event);
    let statements =
        if policies.is_empty() { vec![permission(event)?] } else { policies.iter().flat_map(statements).collect() };
    let mut all = Vec::new();
    for statement in statements {
        for account in let_in(&statement, own.as_deref()) {
            if !all.contains(&account) {
                all.push(account);
            }
        }
    }
    Some(all)
}

/// Tells whether a statement of an identity's policy grants everything; `None` without a policy.
pub fn admin(event: &Json) -> Option<bool> {
    let policies = policies(event);
    if policies.is_empty() {
        return permission(event).map(|_| false);
    }
    Some(policies.iter().flat_map(statements).any(|statement| {
        let of = |name: &str| statement.elements.iter().find(|e| e.0 == name).map(|e| e.1.as_slice());
        let every = |texts: &[String]| texts.iter().any(|text| is_all(text));
        let condition = |(operator, _, values): &Condition| {
            let plain = operator.trim_end_matches("ifexists").trim_start_matches("foranyvalue:");
            let by_pattern =
                ["stringlike", "arnlike", "arnequals"].contains(&plain.trim_start_matches("forallvalues:"));
            !(by_pattern && every(values))
        };
        let held_back = |texts: &[String]| every(texts) || texts.iter().any(|text| text.to_lowercase() == "iam:*");
        let actions = of("action").is_some_and(every) || of("notaction").is_some_and(|not| !held_back(not));
        let resources = of("resource").is_some_and(every) || of("notresource").is_some_and(|not| !every(not));
        let identity = of("principal").is_none() && of("notprincipal").is_none();
        actions && resources && identity && !statement.conditions.iter().any(condition)
    }))
}

/// Whether a pattern leaves nothing out.
fn is_all(pattern: &str) -> bool {
    let mut parts: Vec<&str> = pattern.split(':').collect();
    if parts[0] == "arn" {
        parts.remove(0);
        if parts.len() > 1 && parts[0].starts_with("aws") {
            parts.remove(0);
        }
    }
    !parts.is_empty() && parts.iter().all(|part| part.contains('*') && part.replace('*', "").is_empty())
}

/// Returns the account that the event belongs to.
pub fn own(event: &Json) -> Option<String> {
    text_at(event, "recipientAccountId").or_else(|| text_at(event, "userIdentity.accountId"))
}

/// The account that a text names: an ID, or the fifth part of an ARN.
pub fn account_of(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let account = if parts[0] == "arn" && parts.len() > 1 { parts.get(4)?.to_string() } else { text.to_owned() };
    let digits = account.chars().filter(char::is_ascii_digit).count();
    (digits == 12 && account.chars().count() == 12).then_some(account)
}

/// A member in any letter case that is not `null`.
pub fn any_case<'a>(value: &'a Json, name: &str) -> Option<&'a Json> {
    let Json::Obj(members) = value else { return None };
    let found = members.iter().find(|member| member.0.value.eq_ignore_ascii_case(name));
    found.map(|member| &member.1).filter(|value| **value != Json::Null)
}

/// The texts of a list, or of one value in place of a list.
pub fn many(value: Option<&Json>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Json::Arr(items)) => items.iter().filter_map(value_text).collect(),
        Some(one) => value_text(one).into_iter().collect(),
    }
}

/// The policies of the request in the order of its text, and those that another member tells of.
fn policies(event: &Json) -> Vec<Json> {
    let Some(request @ Json::Obj(_)) = event.member("requestParameters") else { return Vec::new() };
    let mut found = Vec::new();
    if text_at(event, "eventName").as_deref() == Some("PutResourcePolicy") {
        found.extend(any_case(request, "content").and_then(policy));
    }
    collect(request, &mut found);
    found
}

fn collect(value: &Json, found: &mut Vec<Json>) {
    if many(any_case(value, "attributeName")) == ["Policy"] {
        found.extend(any_case(value, "attributeValue").and_then(policy));
    } else if many(any_case(value, "path")) == ["/policy"] {
        found.extend(any_case(value, "value").and_then(policy));
    }
    match value {
        Json::Arr(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Obj(members) => {
            for (name, value) in members {
                let name = name.value.to_ascii_lowercase();
                let fits =
                    "policy policies policydocument policytext policyinjson".split(' ').any(|e| name.ends_with(e));
                match policy(value).filter(|_| fits) {
                    Some(policy) => found.push(policy),
                    None => collect(value, found),
                }
            }
        }
        _ => {}
    }
}

/// The policy that a value is or holds as text.
fn policy(value: &Json) -> Option<Json> {
    let document = match value {
        Json::Obj(_) => value.clone(),
        Json::Str(text) => {
            // A NUL cannot be seen behind a field, and so it is in a policy.
            let text = text.value.replace('\0', "\u{fffd}");
            match json::read(text.as_bytes()) {
                Some(Json::Str(quoted)) => pointer::document(&quoted.value.replace('\0', "\u{fffd}"))?,
                _ => pointer::document(&text)?,
            }
        }
        _ => return None,
    };
    any_case(&document, "statement")?;
    Some(document)
}

/// The statements of a policy that allow something.
fn statements(policy: &Json) -> Vec<Statement> {
    let all = match any_case(policy, "statement") {
        Some(Json::Arr(items)) => items.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    all.iter()
        .filter(|statement| matches!(any_case(statement, "effect"), Some(Json::Str(t)) if t.value == "Allow"))
        .map(read)
        .collect()
}

fn read(statement: &Json) -> Statement {
    let principal = any_case(statement, "principal");
    let names = match principal {
        None if any_case(statement, "notprincipal").is_some() => vec!["*".to_owned()],
        Some(Json::Obj(_)) => many(principal.and_then(|principal| any_case(principal, "aws"))),
        other => many(other),
    };
    let mut conditions = Vec::new();
    if let Some(Json::Obj(operators)) = any_case(statement, "condition") {
        for (operator, keys) in operators {
            let Json::Obj(keys) = keys else { continue };
            for (key, values) in keys {
                conditions.push((
                    operator.value.to_ascii_lowercase(),
                    key.value.to_ascii_lowercase(),
                    many(Some(values)),
                ));
            }
        }
    }
    let elements = ["action", "notaction", "resource", "notresource", "principal", "notprincipal"];
    let elements = elements.iter().filter_map(|name| Some((name.to_string(), many(Some(any_case(statement, name)?)))));
    Statement {
        names,
        is_for_services: principal.and_then(|principal| any_case(principal, "service")).is_some(),
        providers: many(principal.and_then(|principal| any_case(principal, "federated"))),
        conditions,
        elements: elements.collect(),
    }
}

/// A single permission as a statement.
fn permission(event: &Json) -> Option<Statement> {
    let name = text_at(event, "eventName")?;
    let request = event.member("requestParameters")?;
    let fits = name.starts_with("AddPermission") || name == "PutPermission";
    let whom = ["principal", "awsaccountid", "awsaccountids"];
    if !fits || whom.iter().all(|name| any_case(request, name).is_none()) {
        return None;
    }
    let named = [("sourcearn", "arnlike"), ("sourceaccount", "stringequals"), ("principalorgid", "stringequals")];
    let mut conditions: Vec<Condition> = Vec::new();
    for (name, operator) in named {
        if let Some(values) = any_case(request, name) {
            conditions.push((operator.into(), format!("aws:{name}"), many(Some(values))));
        }
    }
    if let Some(condition) = any_case(request, "condition") {
        let text = |name: &str| any_case(condition, name).and_then(value_text);
        if let (Some(operator), Some(key), Some(values)) = (text("type"), text("key"), any_case(condition, "value")) {
            conditions.push((operator.to_ascii_lowercase(), key.to_ascii_lowercase(), many(Some(values))));
        }
    }
    let names: Vec<String> = whom.iter().flat_map(|name| many(any_case(request, name))).collect();
    Some(Statement { names, is_for_services: false, providers: Vec::new(), conditions, elements: Vec::new() })
}

fn let_in(statement: &Statement, own: Option<&str>) -> Vec<String> {
    let must: Vec<&Condition> = statement.conditions.iter().filter(|(operator, _, _)| must_match(operator)).collect();
    // What the conditions that name accounts say: each foreign account, or whether all are the own one.
    let mut foreign: Vec<Vec<String>> = Vec::new();
    let (mut only_own, mut closed) = (false, false);
    for (operator, key, values) in &must {
        let by_parts = operator.contains("arn");
        if !NAMING.contains(&key.as_str()) || values.is_empty() || values.iter().any(|v| is_anyone(v, by_parts)) {
            continue;
        }
        let accounts: Vec<Option<String>> = values
            .iter()
            .map(|v| {
                if OWN_VARIABLES.contains(&v.to_lowercase().as_str()) { own.map(str::to_owned) } else { account_of(v) }
            })
            .collect();
        let is_own = |account: &Option<String>| account.is_some() && account.as_deref() == own;
        let others: Vec<String> = accounts.iter().filter(|account| !is_own(account)).flatten().cloned().collect();
        if !others.is_empty() {
            foreign.push(others);
        } else if accounts.iter().all(is_own) {
            only_own = true;
        } else {
            closed = true;
        }
    }
    closed |= statement.conditions.iter().any(|(operator, key, values)| {
        let all = |holds: fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| holds(value));
        match key.as_str() {
            "aws:principalorgid"
            | "aws:principalorgpaths"
            | "aws:sourceorgid"
            | "aws:sourceorgpaths"
            | "aws:vpceorgid"
            | "aws:vpceorgpaths"
            | "aws:sourcevpc"
            | "aws:sourcevpce"
            | "aws:principalservicename"
            | "aws:userid" => must_match(operator) && all(is_fixed),
            "aws:sourceip" => must_match(operator) && all(|block| world(block) == Some(false)),
            "aws:principalisawsservice" | "elasticfilesystem:accessedviamounttarget" => {
                ["bool", "foranyvalue:bool"].contains(&operator.as_str())
                    && all(|value| value.eq_ignore_ascii_case("true"))
            }
            _ => false,
        }
    });
    let mut inside: Vec<String> = Vec::new();
    let mut everyone = statement.providers.iter().any(|provider| is_open_to_sign_in(provider, &must));
    let mut services = statement.is_for_services;
    for name in &statement.names {
        let parts: Vec<&str> = name.split(':').collect();
        let is_arn = parts.len() > 1 && parts[0] == "arn";
        if name == "*" || is_arn && parts.get(4).is_some_and(|account| account.contains(['*', '?'])) {
            everyone = true;
        } else if let Some(account) = account_of(name) {
            inside.extend(Some(account).filter(|account| !only_own && Some(account.as_str()) != own));
        } else if !is_arn && name.contains('.') {
            services = true;
        }
    }
    if only_own {
        return inside;
    }
    match foreign.first() {
        Some(accounts) if everyone || services => inside.extend(accounts.clone()),
        None if everyone && !closed => inside.push("*".into()),
        _ => {}
    }
    inside
}

fn must_match(operator: &str) -> bool {
    let operator = operator.strip_prefix("foranyvalue:").unwrap_or(operator);
    "stringequals stringequalsignorecase stringlike arnequals arnlike ipaddress"
        .split(' ')
        .any(|known| known == operator)
}

const NAMING: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:sourcevpcarn",
    "aws:sourceinstancearn",
    "ec2:sourceinstancearn",
    "aws:vpceaccount",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

const OWN_VARIABLES: &[&str] = &["${aws:resourceaccount}", "${aws:resourceorgid}"];

/// Whether a value that should name accounts stands for all of them.
fn is_anyone(value: &str, by_parts: bool) -> bool {
    if OWN_VARIABLES.contains(&value.to_ascii_lowercase().as_str()) {
        return false;
    }
    let wild = |text: &str| text.contains(['*', '?', '$']);
    let parts: Vec<&str> = value.split(':').collect();
    if value.contains("${") || value.is_empty() {
        return true;
    }
    if parts[0] != "arn" || parts.len() < 3 {
        return wild(value);
    }
    if !by_parts && (wild(parts[1]) || wild(parts[2])) {
        return true;
    }
    if parts.len() < 6 {
        return account_of(value).is_none() && wild(value);
    }
    let rest = parts[5..].join(":");
    match parts[4] {
        "" => wild(parts[1]) || parts[2] != "s3" || !is_fixed(&rest),
        "*" => wild(parts[1]) || parts[2] != "s3" || !is_fixed(&rest) || rest.contains('/'),
        account => wild(account),
    }
}

/// Whether a value stands for one thing, or begins like one.
fn is_fixed(value: &str) -> bool {
    if OWN_VARIABLES.contains(&value.to_ascii_lowercase().as_str()) {
        return true;
    }
    match value.find(['*', '?', '$']) {
        Some(wildcard) => wildcard >= 8,
        None => !value.is_empty(),
    }
}

/// The providers with what tells an owner: claims, and the beginnings of a `sub`.
const SIGN_IN: &[(&str, &str, &str)] = &[
    (
        "token.actions.githubusercontent.com",
        "repository repository_id repository_owner repository_owner_id",
        "repo: repository: repository_id: repository_owner: repository_owner_id:",
    ),
    ("gitlab.com", "namespace_id namespace_path project_id project_path", "project_path:"),
    (
        "app.terraform.io",
        "terraform_organization_id terraform_organization_name terraform_project_id terraform_workspace_id",
        "organization:",
    ),
    ("accounts.google.com", "sub aud", ""),
    ("graph.facebook.com", "app_id id", ""),
    ("www.amazon.com", "app_id user_id", ""),
    ("cognito-identity.amazonaws.com", "sub aud", ""),
];

fn is_open_to_sign_in(provider: &str, must: &[&Condition]) -> bool {
    let host = provider.rsplit(":oidc-provider/").next().unwrap_or_default().to_ascii_lowercase();
    let Some((_, claims, subjects)) = SIGN_IN.iter().find(|known| known.0 == host) else { return false };
    let one = |text: &str| !text.is_empty() && !text.contains(['*', '?', '$']);
    // The owner ends in front of the first slash or colon, and all of it must be there.
    let one_owner = |text: &str| match text.find(['/', ':', '*', '?', '$']) {
        Some(end) if text[end..].starts_with(['/', ':']) => end > 0 || one(text),
        _ => one(text),
    };
    let limited = must.iter().any(|(_, key, values)| {
        let Some(claim) = key.strip_prefix(&host).and_then(|rest| rest.strip_prefix(':')) else { return false };
        let holds = |value: &String| match (claim, *subjects) {
            (claim, "") => claims.split(' ').any(|known| known == claim) && one(value),
            ("sub", subjects) => subjects.split(' ').any(|start| value.strip_prefix(start).is_some_and(one_owner)),
            (claim, _) => claims.split(' ').any(|known| known == claim) && one_owner(value),
        };
        !values.is_empty() && values.iter().all(holds)
    });
    !limited
}

/// Whether a block of addresses is the world; `None` when it is no block.
pub fn world(block: &str) -> Option<bool> {
    let block = block.trim();
    let (address, prefix) = block.split_once('/').unwrap_or((block, "128"));
    let prefix: u8 = prefix.parse().ok()?;
    if address.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some(prefix < 8);
    }
    let v6 = address.parse::<std::net::Ipv6Addr>().ok()?.segments();
    let is_v4_mapped = v6[..6] == [0, 0, 0, 0, 0, 0xffff];
    Some(if is_v4_mapped { prefix < 104 } else { prefix < 16 })
}
