//! Accounts: which one an event belongs to, which one a text names, and who of those named is from outside.

use super::first_of;
use jsontext::Value;
use std::borrow::Cow;
use std::collections::HashSet;

/// Stands for everyone in lists of accounts.
pub(super) const EVERYONE: &str = "*";

/// Returns the account that an account ID or an ARN names: 12 digits.
pub(super) fn named(text: &str) -> Option<&str> {
    let account = if text.starts_with("arn:") { text.split(':').nth(4)? } else { text };
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

/// The accounts that something is opened to, without the own one: each once, in the order in which they are added.
#[derive(Debug)]
pub(super) struct Outsiders<'a> {
    own: Option<Cow<'a, str>>,
    known: HashSet<String>,
    list: Vec<String>,
}

impl<'a> Outsiders<'a> {
    /// Nobody; the own account is the one that received the event, else the user's.
    pub fn of(event: Value<'a>) -> Self {
        let own = first_of(event, &[&["recipientAccountId"], &["userIdentity", "accountId"]]);
        Self { own: own.and_then(|own| own.text()), known: HashSet::new(), list: Vec::new() }
    }

    /// Returns whether an account is the own one.
    pub fn is_own(&self, account: &str) -> bool {
        self.own.as_deref() == Some(account)
    }

    /// Adds an account or [`EVERYONE`].
    pub fn add(&mut self, account: &str) {
        if !self.is_own(account) && !self.known.contains(account) {
            self.known.insert(account.to_owned());
            self.list.push(account.to_owned());
        }
    }

    /// Returns the accounts.
    pub fn into_list(self) -> Vec<String> {
        self.list
    }
}
