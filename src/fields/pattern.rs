//! Patterns in policies, and what they may stand for.

/// What ends the fixed beginning of a value: wildcards and variables.
pub(super) const WILD: [char; 3] = ['*', '?', '$'];

/// Returns what a value begins with, up to the first wildcard or variable.
pub(super) fn beginning(value: &str) -> &str {
    value.split(WILD).next().unwrap_or_default()
}

/// Returns whether a pattern for names or ARNs matches them all: `*`, `*:*`, `arn:*`, `arn:aws:*:*:*:*`.
pub(super) fn is_everything(pattern: &str) -> bool {
    let is_wild = |text: &str| text.split(':').all(|part| !part.is_empty() && part.bytes().all(|byte| byte == b'*'));
    let arn = pattern.strip_prefix("arn:");
    let in_partition = arn.and_then(|arn| arn.split_once(':')).filter(|(partition, _)| partition.starts_with("aws"));
    is_wild(pattern) || arn.is_some_and(is_wild) || in_partition.is_some_and(|(_, rest)| is_wild(rest))
}

/// Returns whether a name is one of these, without regard to letter case.
pub(super) fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
