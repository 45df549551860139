//! What the name of a file or the key of an object says about what is in it.
//!
//! Names decide only what is worth opening; what a log holds is read from its content.

/// The endings of logs; each may have `.gz` behind it.
const ENDINGS: [&str; 4] = [".json", ".jsonl", ".ndjson", ".log"];

/// The folder in which CloudTrail keeps the digests of logs.
pub const DIGEST_FOLDER: &str = "CloudTrail-Digest";

/// Returns whether a file of this name may be a log.
pub fn is_log_name(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Returns whether an object with this key may be a log of CloudTrail: no digest, no marker of a folder or of a write
/// check, and nothing that another service of AWS keeps under `AWSLogs`.
pub fn is_log_key(key: &str) -> bool {
    let is_digest = key.split('/').any(|part| part == DIGEST_FOLDER);
    is_log_name(key) && !is_digest && service(key).is_none_or(|service| service.starts_with("CloudTrail"))
}

/// Returns the part of a key that names the service: `AWSLogs/[ORGANIZATION/]ACCOUNT/SERVICE/…`, behind any prefix.
fn service(key: &str) -> Option<&str> {
    let mut parts = key.split('/').skip_while(|part| *part != "AWSLogs").skip(1);
    let first = parts.next()?;
    let account = if first.starts_with("o-") { parts.next()? } else { first };
    let service = parts.next()?;
    parts.next()?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then_some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_cloudtrail_in_every_layout_count() {
        for key in [
            "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/02/a.json.gz",
            "AWSLogs/o-abc123/111122223333/CloudTrail/us-east-1/2026/03/02/a.json.gz",
            "o-abc123/AWSLogs/o-abc123/111122223333/CloudTrail-Insight/us-east-1/a.json.gz",
            "any/prefix/AWSLogs/111122223333/CloudTrail-NetworkActivity/us-east-1/a.json.gz",
            "AWSLogs/111122223333/CloudTrail-Aggregated/a.json.gz",
            "AWSLogs/111122223333/a.json",
            "AWSLogs/Config/a.json",
            "export.jsonl",
            "a b+c/日志.ndjson.gz",
            "x.log",
        ] {
            assert!(is_log_key(key), "{key}");
        }
    }

    #[test]
    fn digests_markers_and_what_other_services_keep_do_not() {
        for key in [
            "",
            "AWSLogs/",
            "AWSLogs/111122223333/CloudTrail/us-east-1/",
            "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/02/a.json.gz",
            "AWSLogs/111122223333/Config/ConfigWritabilityCheckFile",
            "AWSLogs/111122223333/Config/us-east-1/2026/3/2/ConfigSnapshot/a.json.gz",
            "p/AWSLogs/o-abc123/111122223333/vpcflowlogs/us-east-1/2026/03/02/a.log.gz",
            "AWSLogs/111122223333/elasticloadbalancing/us-east-1/a.log.gz",
            "AWSLogs/111122223333/CloudTrail/us-east-1/a.json.gz.tmp",
            "a.gz",
            "a.csv",
            "json",
        ] {
            assert!(!is_log_key(key), "{key}");
        }
    }
}
