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
    Url(String),
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
    fn of_url(text: &str) -> Option<Self> {
        let url: Endpoint = text.parse().ok()?;
        let mut parts = url.path.rsplit('/');
        let (name, account) = (parts.next()?, parts.next()?);
        (is_queue_name(name) && account.parse::<AccountId>().is_ok()).then_some(Self::Url(url.text))
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
            Self::Name(text) | Self::Url(text) => f.write_str(text),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_urls_and_arns_read_back_as_the_same() {
        let longest = "q".repeat(80);
        for text in [
            "queue",
            "Trail_events-1",
            "trail.fifo",
            longest.as_str(),
            "https://sqs.eu-west-1.amazonaws.com/012345678901/trail",
            "https://sqs.cn-north-1.amazonaws.com.cn/012345678901/trail.fifo",
            "https://sqs-fips.us-gov-west-1.amazonaws.com/012345678901/trail",
            "https://eu-west-1.queue.amazonaws.com/012345678901/trail",
            "https://queue.amazonaws.com/012345678901/trail",
            "https://sqs.eu-west-1.api.aws/012345678901/trail",
            "https://vpce-1a-2b.sqs.eu-west-1.vpce.amazonaws.com/012345678901/trail",
            "HTTP://localhost:9324/012345678901/trail",
            "http://localhost:4566/queue/eu-west-1/012345678901/trail",
            "http://sqs.eu-west-1.example.com/012345678901/trail",
            "arn:aws:sqs:eu-west-1:012345678901:trail",
            "arn:aws-cn:sqs:cn-north-1:012345678901:trail.fifo",
        ] {
            let queue: QueueName = text.parse().unwrap();
            assert_eq!(queue.to_string(), text);
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
            "https://user:word@host/012345678901/trail",
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
