//! Names of regions, and where in the host name of a queue one is.

/// What the host names of Amazon's services end in, in every partition, the ones for IPv6 included.
const AMAZON: [&str; 14] = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

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

/// Finds the region in a host name of Amazon's SQS: `sqs.REGION.…`, `REGION.queue.…`, an endpoint of a VPC
/// (`vpce-….sqs.REGION.vpce.…`), or the old name without a region.
pub(super) fn region_of_host(host: &str) -> Option<&str> {
    if host == "queue.amazonaws.com" {
        return Some("us-east-1");
    }
    let front = AMAZON.iter().find_map(|end| host.strip_suffix(end)?.strip_suffix('.'))?;
    match front.split('.').collect::<Vec<_>>()[..] {
        ["sqs" | "sqs-fips", region] | [region, "queue"] | [_, "sqs" | "sqs-fips", region, "vpce"] => {
            Some(region).filter(|region| is_region(region))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_from_other_text() {
        for region in ["eu-west-1", "us-gov-west-1", "ap-southeast-7", "us-isob-east-1", "eusc-de-east-1", "cn-north-1"]
        {
            assert!(is_region(region), "{region}");
        }
        for text in
            ["", "eu", "eu-west", "eu-1", "eu-west-1a", "EU-west-1", "eu--1", "-a-1", "eu-west-123", "evil.com/-x-1"]
        {
            assert!(!is_region(text), "{text}");
        }
    }

    #[test]
    fn host_names_of_queues_hold_a_region() {
        for (host, region) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("eu-west-1.queue.amazonaws.com", Some("eu-west-1")),
            ("queue.amazonaws.com", Some("us-east-1")),
            ("sqs-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("sqs.eu-west-1.api.aws", Some("eu-west-1")),
            ("vpce-0a1-b2.sqs.eu-west-1.vpce.amazonaws.com", Some("eu-west-1")),
            ("sqs.us-iso-east-1.c2s.ic.gov", Some("us-iso-east-1")),
            ("sqs.eusc-de-east-1.amazonaws.eu", Some("eusc-de-east-1")),
            ("sqs.cn-north-1.api.amazonwebservices.com.cn", Some("cn-north-1")),
            ("sqs.us-isob-east-1.sc2s.sgov.gov", Some("us-isob-east-1")),
            ("sqs.eu-isoe-west-1.cloud.adc-e.uk", Some("eu-isoe-west-1")),
            ("sqs.us-isof-south-1.csp.hci.ic.gov", Some("us-isof-south-1")),
            ("sqs.eu-west-1.example.com", None),
            ("sqs.eu-west-1.evilamazonaws.com", None),
            ("sqs.eu-west-1.amazonaws.com.example.com", None),
            ("sqs.eu-west-1.elb.amazonaws.com", None),
            ("amazonaws.com", None),
            ("localhost", None),
            ("sqs.example.com", None),
            ("queue", None),
        ] {
            assert_eq!(region_of_host(host), region, "{host}");
        }
    }
}
