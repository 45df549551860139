//! Names of regions, which of them there are, and where in the host name of a queue one is.

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

/// A part of AWS with accounts and regions of its own.
struct Partition {
    /// What the names of its regions begin with.
    prefix: &'static str,
    /// Where the events of services without a region are, such as IAM's.
    home: &'static str,
    /// The regions that every account may use.
    default: &'static [&'static str],
    /// The regions that an account may use once they are enabled for it.
    opt_in: &'static [&'static str],
}

/// All partitions, the one without a prefix last. The regions are those of "AWS Regions and Availability Zones" and,
/// of the partitions that are not public, of the SDK; which of them are enabled by default says the reference guide of
/// AWS Account Management: those launched before March 20, 2019. The homes are those of "Global service events" in the
/// CloudTrail user guide and, of the partitions it does not tell of, the global region of the SDK.
const PARTITIONS: [Partition; 8] = [
    Partition { prefix: "cn-", home: "cn-north-1", default: &["cn-north-1", "cn-northwest-1"], opt_in: &[] },
    Partition { prefix: "us-gov-", home: "us-gov-west-1", default: &["us-gov-east-1", "us-gov-west-1"], opt_in: &[] },
    Partition { prefix: "eusc-", home: "eusc-de-east-1", default: &["eusc-de-east-1"], opt_in: &[] },
    Partition { prefix: "us-iso-", home: "us-iso-east-1", default: &["us-iso-east-1", "us-iso-west-1"], opt_in: &[] },
    Partition {
        prefix: "us-isob-",
        home: "us-isob-east-1",
        default: &["us-isob-east-1", "us-isob-west-1"],
        opt_in: &[],
    },
    Partition { prefix: "eu-isoe-", home: "eu-isoe-west-1", default: &["eu-isoe-west-1"], opt_in: &[] },
    Partition {
        prefix: "us-isof-",
        home: "us-isof-south-1",
        default: &["us-isof-east-1", "us-isof-south-1"],
        opt_in: &[],
    },
    AWS,
];

/// The partition of the regions that belong to no other.
const AWS: Partition = Partition {
    prefix: "",
    home: "us-east-1",
    default: &[
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ],
    opt_in: &[
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
    ],
};

fn partition_of(region: &str) -> &'static Partition {
    PARTITIONS.iter().find(|partition| region.starts_with(partition.prefix)).unwrap_or(&AWS)
}

/// Returns the regions that every account has enabled, sorted, in the partition that the region `like` is in.
pub fn default_regions(like: &str) -> &'static [&'static str] {
    partition_of(like).default
}

/// Returns the regions that an account can have enabled, in the partition that the region `like` is in, as far as they
/// are known here.
pub fn known_regions(like: &str) -> Vec<&'static str> {
    let Partition { default, opt_in, .. } = partition_of(like);
    default.iter().chain(*opt_in).copied().collect()
}

/// Returns whether there is such a region, as far as is known here: others may have come since.
pub fn is_known(region: &str) -> bool {
    known_regions(region).contains(&region)
}

/// Returns the region that has the events of services without a region, such as IAM, in the partition that the region
/// `like` is in.
pub fn home_of_global_services(like: &str) -> &'static str {
    partition_of(like).home
}

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
    fn every_region_of_the_table_is_sorted_under_its_own_partition() {
        for partition in &PARTITIONS {
            assert!(partition.default.contains(&partition.home), "{}", partition.home);
            for regions in [partition.default, partition.opt_in] {
                assert!(regions.is_sorted(), "{regions:?}");
                for region in regions {
                    assert!(is_region(region) && is_known(region), "{region}");
                    assert_eq!(default_regions(region), partition.default, "{region}");
                    assert_eq!(home_of_global_services(region), partition.home, "{region}");
                }
            }
        }
        assert_eq!((AWS.default.len(), AWS.opt_in.len()), (17, 17));
        assert!(AWS.opt_in.iter().all(|region| !AWS.default.contains(region)));
    }

    #[test]
    fn a_region_that_is_not_known_is_taken_for_one_of_the_public_partition_or_of_its_prefix() {
        for (region, home) in [
            ("eu-west-9", "us-east-1"),
            ("us-north-1", "us-east-1"),
            ("", "us-east-1"),
            ("us-gov-north-1", "us-gov-west-1"),
            ("cn-south-1", "cn-north-1"),
            ("us-isob-east-7", "us-isob-east-1"),
        ] {
            assert!(!is_known(region), "{region}");
            assert_eq!(home_of_global_services(region), home, "{region}");
        }
        assert_eq!(default_regions("cn-south-1"), ["cn-north-1", "cn-northwest-1"]);
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
