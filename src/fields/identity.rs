//! Who did it: what `userIdentity` says, by the type of the identity.

use super::{at, first_of, flag, push_flag};
use jsontext::Value;
use std::borrow::Cow;

const ROLE_NAME: &[&str] = &["userIdentity", "sessionContext", "sessionIssuer", "userName"];
const USER_NAME: &[&str] = &["userIdentity", "userName"];

fn identity_type(event: Value<'_>) -> Option<Cow<'_, str>> {
    at(event, &["userIdentity", "type"])?.text()
}

/// `ct.user`: a user's name, a role's name for its sessions, a service's name.
pub(super) fn user(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let word = |word: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(word.as_bytes());
        Some(())
    };
    match &*identity_type(event)? {
        "AWSService" => at(event, &["userIdentity", "invokedBy"])?.append_to(out),
        "AssumedRole" => match at(event, ROLE_NAME) {
            Some(name) => name.append_to(out),
            None => word("AssumedRole", out),
        },
        kind @ ("AWSAccount" | "FederatedUser") => word(kind, out),
        _ => at(event, USER_NAME)?.append_to(out),
    }
}

/// `ct.originaluser`: the session's name for role sessions, else the user's name.
pub(super) fn original_user(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    if identity_type(event).as_deref() != Some("AssumedRole") {
        return at(event, USER_NAME)?.append_to(out);
    }
    let mut part = |member: &str, separator: char, parts: usize| {
        let text = at(event, &["userIdentity", member])?.text()?;
        let (_, last) = text.rsplit_once(separator)?;
        (text.split(separator).count() == parts).then(|| out.extend_from_slice(last.as_bytes()))
    };
    part("arn", '/', 3).or_else(|| part("principalId", ':', 2))
}

/// `ct.user.mfa`: whether the session, or the console login, was made with a second factor.
pub(super) fn mfa(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let session = flag(at(event, &["userIdentity", "sessionContext", "attributes", "mfaAuthenticated"]));
    let used = session.or_else(|| {
        let login = at(event, &["additionalEventData", "MFAUsed"])?;
        if login.is("Yes") { Some(true) } else { login.is("No").then_some(false) }
    })?;
    push_flag(used, out);
    Some(())
}

/// `ct.user.crossaccount`: whether the caller's account is another one than the account that received the event.
pub(super) fn cross_account(event: Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    let caller = at(event, &["userIdentity", "accountId"])?.text()?;
    let receiver = at(event, &["recipientAccountId"])?.text()?;
    push_flag(caller != receiver, out);
    Some(())
}

/// The user's name, or else what is known of the identity.
pub(super) fn user_or_type(event: Value<'_>, out: &mut Vec<u8>) {
    let known = user(event, out).or_else(|| first_of(event, &[&["userIdentity", "type"]])?.append_to(out));
    if known.is_none() {
        out.extend_from_slice(b"<NA>");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::text_of;

    #[test]
    fn the_user_depends_on_the_type() {
        for (identity, user, original) in [
            (r#""type":"IAMUser","userName":"bob""#, "bob", "bob"),
            (r#""type":"Root","accountId":"1""#, "<NA>", "<NA>"),
            (r#""type":"Root","userName":"alias""#, "alias", "alias"),
            (r#""type":"AWSService","invokedBy":"ec2.amazonaws.com","userName":"x""#, "ec2.amazonaws.com", "x"),
            (r#""type":"AWSAccount","userName":"x""#, "AWSAccount", "x"),
            (r#""type":"FederatedUser""#, "FederatedUser", "<NA>"),
            (r#""type":"SAMLUser","userName":"saml""#, "saml", "saml"),
            (r#""userName":"no type""#, "<NA>", "no type"),
            (r#""type":null,"userName":"no type""#, "<NA>", "no type"),
            (
                r#""type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/Admin/alice","principalId":"A:bob",
                   "sessionContext":{"sessionIssuer":{"userName":"Admin"}}"#,
                "Admin",
                "alice",
            ),
            (r#""type":"AssumedRole","arn":"a/b","principalId":"AROA:carol""#, "AssumedRole", "carol"),
            (r#""type":"AssumedRole","arn":"a/b/c/d","principalId":"a:b:c""#, "AssumedRole", "<NA>"),
        ] {
            let event = format!(r#"{{"userIdentity":{{{identity}}}}}"#);
            assert_eq!(text_of("ct.user", &event), user, "{identity}");
            assert_eq!(text_of("ct.originaluser", &event), original, "{identity}");
        }
    }

    #[test]
    fn a_second_factor_is_found_where_it_is_said() {
        let session = |value: &str| {
            format!(
                r#"{{"userIdentity":{{"sessionContext":{{"attributes":{{"mfaAuthenticated":{value}}}}}}},"additionalEventData":{{"MFAUsed":"Yes"}}}}"#
            )
        };
        assert_eq!(text_of("ct.user.mfa", &session(r#""false""#)), "false");
        assert_eq!(text_of("ct.user.mfa", &session("true")), "true");
        assert_eq!(text_of("ct.user.mfa", &session("null")), "true");
        assert_eq!(text_of("ct.user.mfa", r#"{"additionalEventData":{"MFAUsed":"No"}}"#), "false");
        assert_eq!(text_of("ct.user.mfa", r#"{"additionalEventData":{"MFAUsed":"?"}}"#), "<NA>");
    }

    #[test]
    fn accounts_are_compared_when_both_are_known() {
        let event = |caller: &str| format!(r#"{{"userIdentity":{{{caller}}},"recipientAccountId":"111122223333"}}"#);
        assert_eq!(text_of("ct.user.crossaccount", &event(r#""accountId":"444455556666""#)), "true");
        assert_eq!(text_of("ct.user.crossaccount", &event(r#""accountId":"111122223333""#)), "false");
        assert_eq!(text_of("ct.user.crossaccount", &event("")), "<NA>");
    }
}
