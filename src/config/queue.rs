//! `QueueName`: the ways in which users name an SQS queue, by its name, its URL or its ARN.
//!
//! Whether the queue exists is left to the source.

use std::fmt;
use std::str::FromStr;

use super::account::AccountId;
use super::arn::Arn;
use super::endpoint::Endpoint;

/// What names an SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueName {
    /// The name alone, whose account and region the configuration or the credentials say.
    Name(String),
    /// The queue's own URL, as it was written.
    Url {
        /// The whole URL.
        url: String,
        /// The region, where the host says it.
        region: Option<String>,
    },
    /// The queue's ARN.
    Arn {
        /// The partition, such as `aws`.
        partition: String,
        /// The region.
        region: String,
        /// The account that owns the queue.
        account: AccountId,
        /// The name.
        name: String,
    },
}

impl QueueName {
    /// Returns the region, where the text says it.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Url { region, .. } => region.as_deref(),
            Self::Arn { region, .. } => Some(region),
        }
    }

    fn of_url(text: &str) -> Option<Self> {
        let url: Endpoint = text.parse().ok()?;
        let mut parts = url.path.rsplit('/');
        let (name, account) = (parts.next()?, parts.next()?);
        (is_queue_name(name) && account.parse::<AccountId>().is_ok())
            .then(|| Self::Url { region: region_of_host(&url.host), url: url.text })
    }

    fn of_arn(text: &str) -> Option<Self> {
        let Arn { partition, service, region, account, resource } = Arn::parse(text)?;
        (service == "sqs" && !region.is_empty() && is_queue_name(resource)).then_some(())?;
        Some(Self::Arn {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.parse().ok()?,
            name: resource.to_owned(),
        })
    }
}

impl FromStr for QueueName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let name = is_queue_name(text).then(|| Self::Name(text.to_owned()));
        name.or_else(|| Self::of_url(text)).or_else(|| Self::of_arn(text)).ok_or(())
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Url { url, .. } => f.write_str(url),
            Self::Arn { partition, region, account, name } => {
                write!(f, "arn:{partition}:sqs:{region}:{account}:{name}")
            }
        }
    }
}

/// Returns whether a queue can be called so: up to 80 letters, digits, dashes and underscores, `.fifo` at the end included.
fn is_queue_name(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    let legal = stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    legal && !stem.is_empty() && text.len() <= 80
}

/// Returns the region in a host of SQS: `sqs.REGION.amazonaws.com`, also with other ends, and `REGION.queue.amazonaws.com`.
fn region_of_host(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    let is_aws = labels.iter().any(|label| *label == "amazonaws" || *label == "api");
    let at = labels.iter().position(|label| ["sqs", "sqs-fips", "queue"].contains(label)).filter(|_| is_aws)?;
    let region = if labels[at] == "queue" { labels.get(at.checked_sub(1)?) } else { labels.get(at + 1) }?;
    // Every region has a direction and a number.
    (region.contains('-') && region.ends_with(|last: char| last.is_ascii_digit())).then(|| (*region).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_urls_and_arns_read_back_as_the_same() {
        let longest = "q".repeat(80);
        for (text, region) in [
            ("queue", None),
            ("Trail_events-1", None),
            ("trail.fifo", None),
            (longest.as_str(), None),
            ("https://sqs.eu-west-1.amazonaws.com/012345678901/trail", Some("eu-west-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/012345678901/trail.fifo", Some("cn-north-1")),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com/012345678901/trail", Some("us-gov-west-1")),
            ("https://eu-west-1.queue.amazonaws.com/012345678901/trail", Some("eu-west-1")),
            ("https://queue.amazonaws.com/012345678901/trail", None),
            ("https://sqs.eu-west-1.api.aws/012345678901/trail", Some("eu-west-1")),
            ("https://vpce-1a-2b.sqs.eu-west-1.vpce.amazonaws.com/012345678901/trail", Some("eu-west-1")),
            ("HTTP://localhost:9324/012345678901/trail", None),
            ("http://localhost:4566/queue/eu-west-1/012345678901/trail", None),
            ("http://sqs.eu-west-1.example.com/012345678901/trail", None),
            ("arn:aws:sqs:eu-west-1:012345678901:trail", Some("eu-west-1")),
            ("arn:aws-cn:sqs:cn-north-1:012345678901:trail.fifo", Some("cn-north-1")),
        ] {
            let queue: QueueName = text.parse().unwrap();
            assert_eq!((queue.to_string().as_str(), queue.region()), (text, region));
        }
    }

    #[test]
    fn what_names_no_queue_is_refused() {
        let too_long = "q".repeat(81);
        for text in [
            "",
            ".fifo",
            "a b",
            "trail/",
            "trail.fifo.fifo",
            "trail.json",
            "日志",
            &too_long,
            "https://sqs.eu-west-1.amazonaws.com/",
            "https://sqs.eu-west-1.amazonaws.com/trail",
            "https://sqs.eu-west-1.amazonaws.com/012345678901/trail/",
            "https://sqs.eu-west-1.amazonaws.com/1234/trail",
            "https:///012345678901/trail",
            "ftp://host/012345678901/trail",
            "arn:aws:sqs:eu-west-1:012345678901:",
            "arn:aws:sqs::012345678901:trail",
            "arn:aws:sqs:eu-west-1:1234:trail",
            "arn:aws:sns:eu-west-1:012345678901:topic",
        ] {
            assert_eq!(text.parse::<QueueName>(), Err(()), "{text:?}");
        }
    }
}
