//! `Queue`: receives from one SQS queue, keeps its messages invisible, deletes them.
//!
//! What a message says, and when it is done with, is left to the callers.

use std::fmt;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Builder, Region};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName, QueueAttributeName,
};

use serde_json::Value;

use super::region::{is_region, region_of_host};
use super::{AwsError, Connection, Kind, Service};

const DELETE: &str = "sqs:DeleteMessage";
const VISIBILITY: &str = "sqs:ChangeMessageVisibility";

/// How the user names a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueRef {
    /// Name of a queue in the region and, unless an owner is given, the account of the credentials.
    Name(String),
    /// URL of a queue.
    Url(String),
    /// ARN of a queue, which names region and account too.
    Arn(String),
}

impl QueueRef {
    /// Returns the region that a URL or an ARN names: the one to make the [`Connection`] for.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Url(url) => region_of_host(host(url)),
            Self::Arn(arn) => arn.split(':').nth(3).filter(|region| is_region(region)),
        }
    }

    /// Returns what the user wrote.
    pub fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Url(text) | Self::Arn(text) => text,
        }
    }

    /// Returns where to send requests about a queue whose URL is not one of Amazon's public ones.
    fn own_endpoint(&self) -> Option<String> {
        let Self::Url(url) = self else { return None };
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next()?;
        let public = region_of_host(host(url)).is_some() && !authority.contains(".vpce.");
        (!public).then(|| format!("{scheme}://{authority}"))
    }
}

fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    authority.split(':').next().unwrap_or_default()
}

/// What a queue says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Seconds for which a received message stays invisible to others.
    pub visibility_timeout_s: u32,
    /// How many times a message is received before it moves to the dead-letter queue, `None` without such a queue.
    pub max_receive_count: Option<u32>,
    /// How many messages can be received now, about; `None` when the service does not say.
    pub depth: Option<u64>,
}

/// A message that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Stays the same when the message is received again.
    pub id: String,
    /// Names this receipt of it, for [`Queue::delete`] and [`Queue::set_visibility`].
    pub receipt_handle: String,
    /// The text, up to 1 MiB.
    pub body: String,
    /// How many times it was received so far, this time included; 1 when the service does not say.
    pub receive_count: u32,
}

/// One queue. A clone is cheap.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
    target: String,
    /// For how many seconds to hide what is received, when it is not the queue's own time.
    hiding_s: Option<i32>,
}

impl fmt::Debug for Queue {
    /// Shows the URL alone: the settings of the client hold the external id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Queue {
    /// Finds the URL of a queue. `owner` is the account of a queue that is given by its name, `None` for that of the
    /// credentials. For a URL no request is made.
    ///
    /// # Errors
    ///
    /// `NotFound` without the queue, `Denied` without `sqs:GetQueueUrl`, `Invalid` when `queue` is not the ARN of a
    /// queue, and whatever else ends a request.
    pub async fn connect(connection: &Connection, queue: &QueueRef, owner: Option<&str>) -> Result<Self, AwsError> {
        const URL: &str = "sqs:GetQueueUrl";
        let target = format!("queue {}", queue.text());
        let mut config = Builder::from(connection.sdk()).interceptor(connection.meter(Service::Sqs));
        let endpoint = connection.endpoint("SQS").or_else(|| queue.own_endpoint());
        connection.check_endpoint(endpoint.as_deref())?;
        config.set_endpoint_url(endpoint);
        if let Some(region) = queue.region() {
            config = config.region(Region::new(region.to_owned()));
        }
        let client = Client::from_conf(config.build());
        let (name, owner) = match queue {
            QueueRef::Url(url) => return Ok(Self { client, url: url.clone(), target, hiding_s: None }),
            QueueRef::Name(name) => (name.as_str(), owner),
            QueueRef::Arn(arn) => match arn.split(':').collect::<Vec<_>>()[..] {
                ["arn", _, "sqs", _, account, name] => (name, Some(account)),
                _ => return Err(AwsError::new(Kind::Invalid, URL, &target, "not the ARN of a queue")),
            },
        };
        let request = client.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(owner.map(str::to_owned));
        let output = request.send().await.map_err(|error| AwsError::from_sdk(URL, &target, &error))?;
        let Some(url) = output.queue_url else {
            return Err(AwsError::new(Kind::Transient, URL, &target, "the answer has no URL"));
        };
        Ok(Self { client, url, target, hiding_s: None })
    }

    /// Hides the messages that are received for so many seconds, whatever the queue says.
    pub fn hiding_for(mut self, seconds: u32) -> Self {
        self.hiding_s = i32::try_from(seconds).ok();
        self
    }

    /// Returns the URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks for the attributes, `None` when the credentials may not (`sqs:GetQueueAttributes`).
    ///
    /// # Errors
    ///
    /// `NotFound` without the queue, and whatever else ends a request.
    pub async fn attributes(&self) -> Result<Option<Attributes>, AwsError> {
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let request = request
            .attribute_names(QueueAttributeName::VisibilityTimeout)
            .attribute_names(QueueAttributeName::RedrivePolicy)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let error = AwsError::from_sdk("sqs:GetQueueAttributes", &self.target, &error);
                return if error.is_denied() { Ok(None) } else { Err(error) };
            }
        };
        let attribute = |name| output.attributes().and_then(|attributes| attributes.get(&name)).map(String::as_str);
        let visibility = attribute(QueueAttributeName::VisibilityTimeout).and_then(|seconds| seconds.parse().ok());
        Ok(Some(Attributes {
            // What a queue has unless told otherwise.
            visibility_timeout_s: visibility.unwrap_or(30),
            max_receive_count: attribute(QueueAttributeName::RedrivePolicy).and_then(max_receive_count),
            depth: attribute(QueueAttributeName::ApproximateNumberOfMessages).and_then(|count| count.parse().ok()),
        }))
    }

    /// Receives up to `max` (1 to 10) messages, waiting up to `wait_s` (0 to 20) seconds for the first.
    ///
    /// # Errors
    ///
    /// `NotFound` without the queue, `Denied` without `sqs:ReceiveMessage`, and whatever else ends a request.
    pub async fn receive(&self, max: u8, wait_s: u8) -> Result<Vec<Message>, AwsError> {
        let request = self.client.receive_message().queue_url(&self.url);
        let request = request
            .max_number_of_messages(max.into())
            .wait_time_seconds(wait_s.into())
            .set_visibility_timeout(self.hiding_s)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let output = request.send().await;
        let output = output.map_err(|error| AwsError::from_sdk("sqs:ReceiveMessage", &self.target, &error))?;
        Ok(output.messages.unwrap_or_default().into_iter().map(message).collect())
    }

    /// Deletes up to 10 messages. Returns those that failed, by their index, with the reason.
    pub async fn delete(&self, handles: &[&str]) -> Vec<(usize, AwsError)> {
        let mut request = self.client.delete_message_batch().queue_url(&self.url);
        for (index, handle) in handles.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(*handle);
            match entry.build() {
                Ok(entry) => request = request.entries(entry),
                Err(error) => return all(handles, &AwsError::unanswered(DELETE, &self.target, &error)),
            }
        }
        match request.send().await {
            Ok(output) => {
                let done = output.successful().iter().map(|entry| entry.id());
                self.failures(DELETE, handles, done, output.failed())
            }
            Err(error) => all(handles, &AwsError::from_sdk(DELETE, &self.target, &error)),
        }
    }

    /// Keeps up to 10 messages invisible for `seconds` from now on (up to 12 hours from their receipt); 0 gives them
    /// back. Returns those that failed, by their index, with the reason.
    pub async fn set_visibility(&self, handles: &[&str], seconds: u32) -> Vec<(usize, AwsError)> {
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let mut request = self.client.change_message_visibility_batch().queue_url(&self.url);
        for (index, handle) in handles.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(*handle)
                .visibility_timeout(seconds);
            match entry.build() {
                Ok(entry) => request = request.entries(entry),
                Err(error) => return all(handles, &AwsError::unanswered(VISIBILITY, &self.target, &error)),
            }
        }
        match request.send().await {
            Ok(output) => {
                let done = output.successful().iter().map(|entry| entry.id());
                self.failures(VISIBILITY, handles, done, output.failed())
            }
            Err(error) => all(handles, &AwsError::from_sdk(VISIBILITY, &self.target, &error)),
        }
    }

    /// Returns the entries of a batch that are not said to be done.
    fn failures<'a>(
        &self,
        action: &'static str,
        handles: &[&str],
        done: impl Iterator<Item = &'a str>,
        failed: &[BatchResultErrorEntry],
    ) -> Vec<(usize, AwsError)> {
        let done: Vec<&str> = done.collect();
        let open = (0..handles.len()).filter(|index| !done.contains(&index.to_string().as_str()));
        let failure = |index: usize| match failed.iter().find(|entry| entry.id() == index.to_string()) {
            Some(entry) => {
                let status = if entry.sender_fault() { 400 } else { 500 };
                AwsError::answer(action, &self.target, Some(entry.code()), entry.message(), status)
            }
            None => AwsError::new(Kind::Transient, action, &self.target, "the answer does not tell of the message"),
        };
        open.map(|index| (index, failure(index))).collect()
    }
}

fn all(handles: &[&str], error: &AwsError) -> Vec<(usize, AwsError)> {
    (0..handles.len()).map(|index| (index, error.clone())).collect()
}

fn message(message: aws_sdk_sqs::types::Message) -> Message {
    let count = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    let receive_count = count.and_then(|count| count.parse().ok()).unwrap_or(1);
    Message {
        id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        receive_count,
    }
}

/// Reads how often a message is received before it moves to the dead-letter queue out of a redrive policy, in which
/// the number may be in quotes. A policy without it still has a dead-letter queue, after the most receives there can be.
fn max_receive_count(policy: &str) -> Option<u32> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    policy.get("deadLetterTargetArn")?;
    let count = policy.get("maxReceiveCount");
    let count = count.and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok()));
    Some(count.and_then(|count| count.try_into().ok()).unwrap_or(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> QueueRef {
        QueueRef::Url(url.to_owned())
    }

    #[test]
    fn a_url_or_an_arn_names_the_region() {
        let arn = |arn: &str| QueueRef::Arn(arn.to_owned());
        assert_eq!(url("https://sqs.eu-west-1.amazonaws.com/123456789012/q").region(), Some("eu-west-1"));
        assert_eq!(url("http://127.0.0.1:4566/123456789012/eu-west-1.queue").region(), None);
        assert_eq!(arn("arn:aws-cn:sqs:cn-north-1:123456789012:q").region(), Some("cn-north-1"));
        assert_eq!(arn("arn:aws:sqs:evil.example/:123456789012:q").region(), None);
        assert_eq!(QueueRef::Name("sqs.eu-west-1".to_owned()).region(), None);
    }

    #[test]
    fn requests_go_to_the_host_of_a_url_that_is_not_public() {
        for (queue, endpoint) in [
            ("https://sqs.eu-west-1.amazonaws.com/1/q", None),
            ("https://queue.amazonaws.com/1/q", None),
            (
                "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/1/q",
                Some("https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com"),
            ),
            ("http://127.0.0.1:4566/1/q", Some("http://127.0.0.1:4566")),
            ("http://sqs.eu-west-1.example.com/1/q", Some("http://sqs.eu-west-1.example.com")),
        ] {
            assert_eq!(url(queue).own_endpoint().as_deref(), endpoint, "{queue}");
        }
        assert_eq!(QueueRef::Name("q".to_owned()).own_endpoint(), None);
    }

    #[test]
    fn redrive_policies_are_read_in_every_spelling() {
        for (policy, count) in [
            (r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:d","maxReceiveCount":5}"#, Some(5)),
            (r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:d","maxReceiveCount":"7"}"#, Some(7)),
            (r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:d"}"#, Some(1000)),
            (r#"{"maxReceiveCount":5}"#, None),
            ("", None),
        ] {
            assert_eq!(max_receive_count(policy), count, "{policy}");
        }
    }

    #[test]
    fn messages_without_attributes_were_received_once() {
        let bare = aws_sdk_sqs::types::Message::builder().message_id("m").receipt_handle("r").body("b");
        let counted = bare.clone().attributes(MessageSystemAttributeName::ApproximateReceiveCount, "3");
        assert_eq!(message(bare.build()).receive_count, 1);
        assert_eq!(message(counted.build()).receive_count, 3);
    }
}
