//! Whom a request shares something with: images, snapshots, documents, layers, keys, resource shares.
//!
//! Organizations and their units, services and the own account are left out.

use super::accounts::{self, EVERYONE, Outsiders};
use super::{at, each, event_name, member, push_flag, texts};
use jsontext::Value;
use std::borrow::Cow;

/// `ct.share.accounts`
pub(super) fn accounts(event: Value<'_>) -> Vec<String> {
    let mut found = Outsiders::of(event);
    for name in named(event).unwrap_or_default() {
        if name == EVERYONE || name.eq_ignore_ascii_case("all") {
            found.add(EVERYONE);
        } else if name.split(':').nth(2) != Some("organizations")
            && let Some(account) = accounts::named(&name)
        {
            found.add(account);
        }
    }
    found.into_list()
}

/// `ct.share.public`
pub(super) fn is_public(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let accounts = accounts(event);
    (!accounts.is_empty()).then(|| push_flag(accounts.iter().any(|account| account == EVERYONE), out))
}

/// Returns all that a request names to share with.
fn named(event: Value<'_>) -> Option<Vec<Cow<'_, str>>> {
    let name = event_name(event)?;
    let request = at(event, &["requestParameters"])?;
    let one = |name: &str| texts(member(request, name)).collect();
    let added = |permission: &[&str]| {
        let items = each(at(request, permission));
        let who = |item| ["userId", "group"].into_iter().flat_map(move |name| texts(member(item, name)));
        items.flat_map(who).collect::<Vec<_>>()
    };
    Some(match &*name {
        "ModifyImageAttribute" => added(&["launchPermission", "add", "items"]),
        "ModifySnapshotAttribute" => added(&["createVolumePermission", "add", "items"]),
        "ModifyFpgaImageAttribute" => added(&["ModifyFpgaImageAttributeRequest", "LoadPermission", "Add"]),
        "ModifyDBSnapshotAttribute" | "ModifyDBClusterSnapshotAttribute" => {
            let restores = member(request, "attributeName").is_some_and(|name| name.is("restore"));
            if restores { one("valuesToAdd") } else { Vec::new() }
        }
        "ModifyDocumentPermission" => one("accountIdsToAdd"),
        name if name.starts_with("AddLayerVersionPermission") => {
            let is_limited = member(request, "organizationId").is_some();
            texts(member(request, "principal")).filter(|name| !is_limited || name != EVERYONE).collect()
        }
        "CreateResourceShare" | "AssociateResourceShare" => one("principals"),
        "AuthorizeSnapshotAccess" => one("accountWithRestoreAccess"),
        "AuthorizeDataShare" => one("consumerIdentifier"),
        "CreateGrant" => one("granteePrincipal"),
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::super::tests::{text_of, value_of};

    #[test]
    fn every_way_of_sharing_names_those_outside() {
        for (name, parameters, accounts) in [
            (
                "ModifyImageAttribute",
                r#""launchPermission":{"add":{"items":[{"userId":"444455556666"},{"group":"all"}]}}"#,
                "444455556666|*",
            ),
            (
                "ModifyImageAttribute",
                r#""launchPermission":{"add":{"items":[{"organizationArn":"arn:aws:organizations::444455556666:organization/o-1"}]}}"#,
                "<NA>",
            ),
            ("ModifyImageAttribute", r#""launchPermission":{"remove":{"items":[{"userId":"444455556666"}]}}"#, "<NA>"),
            ("ModifySnapshotAttribute", r#""createVolumePermission":{"add":{"items":[{"group":"all"}]}}"#, "*"),
            (
                "ModifySnapshotAttribute",
                r#""createVolumePermission":{"add":{"items":[{"userId":"111122223333"}]}}"#,
                "<NA>",
            ),
            (
                "ModifyFpgaImageAttribute",
                r#""ModifyFpgaImageAttributeRequest":{"LoadPermission":{"Add":{"UserId":"444455556666"}}}"#,
                "444455556666",
            ),
            (
                "ModifyDBSnapshotAttribute",
                r#""attributeName":"restore","valuesToAdd":["all","444455556666","444455556666"]"#,
                "*|444455556666",
            ),
            ("ModifyDBClusterSnapshotAttribute", r#""attributeName":"restore","valuesToRemove":["all"]"#, "<NA>"),
            ("ModifyDBSnapshotAttribute", r#""attributeName":"other","valuesToAdd":["444455556666"]"#, "<NA>"),
            ("ModifyDocumentPermission", r#""accountIdsToAdd":["All","444455556666"]"#, "*|444455556666"),
            ("AddLayerVersionPermission20181031", r#""principal":"*""#, "*"),
            ("AddLayerVersionPermission20181031", r#""principal":"*","organizationId":"o-a1b2c3d4e5""#, "<NA>"),
            (
                "CreateResourceShare",
                r#""principals":["arn:aws:organizations::444455556666:ou/o-1/ou-1","arn:aws:iam::777788889999:role/x","111122223333","ec2.amazonaws.com"]"#,
                "777788889999",
            ),
            ("AssociateResourceShare", r#""principals":"444455556666""#, "444455556666"),
            ("AuthorizeSnapshotAccess", r#""accountWithRestoreAccess":"444455556666""#, "444455556666"),
            ("AuthorizeDataShare", r#""consumerIdentifier":"444455556666""#, "444455556666"),
            ("CreateGrant", r#""granteePrincipal":"arn:aws:iam::444455556666:root""#, "444455556666"),
            ("CreateGrant", r#""granteePrincipal":"arn:aws:iam::111122223333:role/x""#, "<NA>"),
            ("CreateGrant", r#""granteePrincipal":"dynamodb.eu-west-1.amazonaws.com""#, "<NA>"),
            ("PutBucketPolicy", r#""principal":"*""#, "<NA>"),
        ] {
            let event = format!(
                r#"{{"eventName":"{name}","recipientAccountId":"111122223333","requestParameters":{{{parameters}}}}}"#
            );
            let public = if accounts == "<NA>" { "<NA>".to_owned() } else { accounts.contains('*').to_string() };
            assert_eq!(text_of("ct.share.accounts", &event), accounts, "{name} {parameters}");
            assert_eq!(text_of("ct.share.public", &event), public, "{name} {parameters}");
            let last = accounts.rsplit('|').next().unwrap();
            let place = accounts.matches('|').count() as u64;
            assert_eq!(value_of("ct.share.accounts", Key::Index(place), &event), last);
        }
    }
}
