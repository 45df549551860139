//! Names of regions, and where in the host name of a queue one is.

/// Returns whether a text has the form of a region's name, such as `eu-west-1`.
pub(super) fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let area = parts.next().unwrap_or_default();
    let number = parts.next_back().unwrap_or_default();
    let mut middle = parts.peekable();
    let letters = |part: &str| (1..=16).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= 32
        && area.len() >= 2
        && letters(area)
        && middle.peek().is_some()
        && middle.all(letters)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Finds the region in the host name of SQS: `sqs.REGION.…`, `REGION.queue.…`, an endpoint of a VPC
/// (`vpce-….sqs.REGION.vpce.…`), or the old name without a region.
pub(super) fn region_of_host(host: &str) -> Option<&str> {
    if host == "queue.amazonaws.com" {
        return Some("us-east-1");
    }
    let labels: Vec<&str> = host.split('.').collect();
    labels.windows(2).find_map(|pair| match pair {
        ["sqs" | "sqs-fips", region] if is_region(region) => Some(*region),
        [region, "queue"] if is_region(region) => Some(*region),
        _ => None,
    })
}
