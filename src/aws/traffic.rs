//! `Traffic`: counts the requests to each service, those that were made again, and those that were throttled.
//!
//! It watches every request that a client makes, the SDK's own repetitions too, which no caller sees. What a caller
//! repeats it tells itself. Requests of the SDK's own chain of credentials, such as to the instance's metadata, are made
//! by clients that nobody can watch, and not counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::retries::classifiers::RetryReason;
use aws_smithy_types::retry::ErrorKind;

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Buckets.
    S3,
    /// Queues.
    Sqs,
    /// Event histories.
    CloudTrail,
    /// Roles, and whose the credentials are.
    Sts,
    /// The regions of an account.
    Account,
}

/// The counts of one service.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    retries: AtomicU64,
    throttles: AtomicU64,
}

/// What went to AWS, by service.
#[derive(Debug, Default)]
pub struct Traffic([Counts; 5]);

impl Traffic {
    fn of(&self, service: Service) -> &Counts {
        let Self([s3, sqs, cloudtrail, sts, account]) = self;
        match service {
            Service::S3 => s3,
            Service::Sqs => sqs,
            Service::CloudTrail => cloudtrail,
            Service::Sts => sts,
            Service::Account => account,
        }
    }

    /// Counts a request that its caller makes again, the SDK's repetitions behind it.
    pub fn retry(&self, service: Service) {
        add_one(&self.of(service).retries);
    }

    /// Returns how many requests were made, repeated ones too.
    pub fn requests(&self, service: Service) -> u64 {
        self.of(service).requests.load(Ordering::Relaxed)
    }

    /// Returns how many requests were made again since the one before failed, by the SDK or by its caller.
    pub fn retries(&self, service: Service) -> u64 {
        self.of(service).retries.load(Ordering::Relaxed)
    }

    /// Returns how many requests were refused since there were too many.
    pub fn throttles(&self, service: Service) -> u64 {
        self.of(service).throttles.load(Ordering::Relaxed)
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Counts what one client asks, as its interceptor.
pub(super) struct Meter {
    traffic: Arc<Traffic>,
    service: Service,
}

impl Meter {
    pub fn new(traffic: &Arc<Traffic>, service: Service) -> Self {
        Self { traffic: Arc::clone(traffic), service }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.service).finish()
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let counts = self.traffic.of(self.service);
        add_one(&counts.requests);
        if config.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1) {
            add_one(&counts.retries);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let has_status = context.response().is_some_and(|answer| answer.status().as_u16() == 429);
        // They know the codes by which each service says so.
        let has_code = || components.retry_classifiers().any(|of| is_throttling(&of.classify_retry(context.inner())));
        if has_status || has_code() {
            add_one(&self.traffic.of(self.service).throttles);
        }
        Ok(())
    }
}

fn is_throttling(action: &RetryAction) -> bool {
    let throttling = ErrorKind::ThrottlingError;
    matches!(action, RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }) if *kind == throttling)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudtrail::{Category, History, Query};
    use crate::aws::s3::{ListRequest, Objects};
    use crate::aws::sqs::{Queue, QueueRef};
    use crate::aws::tests::{Stub, wait};
    use crate::aws::{Connection, Kind};

    const NO_KEYS: &str = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>less</Message></Error>";

    fn counts(connection: &Connection, service: Service) -> [u64; 3] {
        let traffic = connection.traffic();
        [traffic.requests(service), traffic.retries(service), traffic.throttles(service)]
    }

    #[test]
    fn repetitions_of_the_sdk_and_what_it_was_refused_are_counted() {
        let stub = Stub::start([(503, SLOW_DOWN), (500, ""), (200, NO_KEYS)]);
        let connection = stub.connect();
        let objects = Objects::new(&connection).unwrap();
        wait(objects.list_page("trail", &ListRequest::default())).unwrap();
        assert_eq!(counts(&connection, Service::S3), [3, 2, 1]);
        assert_eq!((counts(&connection, Service::Sqs), stub.seen().len()), ([0; 3], 3));
    }

    #[test]
    fn every_service_has_its_own_words_for_too_many_requests() {
        let throttled = |code: &str| (400, format!(r#"{{"__type": "{code}", "message": "less"}}"#));
        let (none, events) = ((200, "{}".to_owned()), (200, r#"{"Events": []}"#.to_owned()));
        let stub = Stub::start([
            throttled("com.amazonaws.sqs#RequestThrottled"),
            none,
            throttled("ThrottlingException"),
            (429, String::new()),
            events,
        ]);
        let connection = stub.connect();
        let url = format!("{}/1/q", connection.endpoint("SQS").unwrap());
        let queue = wait(Queue::connect(&connection, &QueueRef::Url(url), None)).unwrap();
        assert_eq!(wait(queue.receive(1, 0)).unwrap(), []);
        assert_eq!(counts(&connection, Service::Sqs), [2, 1, 1]);
        let history = History::new(&connection, "eu-west-1", "eu-west-1").unwrap();
        let query = Query { start: 0, end: 1, category: Category::Management, attribute: None };
        for kind in [Some(Kind::Throttled), Some(Kind::Throttled), None] {
            assert_eq!(wait(history.lookup(&query, None)).err().map(|error| error.kind()), kind);
        }
        assert_eq!(counts(&connection, Service::CloudTrail), [3, 0, 2], "its caller says which are made again");
        connection.traffic().retry(Service::CloudTrail);
        assert_eq!(counts(&connection, Service::CloudTrail), [3, 1, 2]);
        assert_eq!(stub.seen().len(), 5);
    }

    #[test]
    fn what_is_refused_for_another_reason_is_not_throttled() {
        let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
        let stub = Stub::start([(403, denied)]);
        let connection = stub.connect();
        let objects = Objects::new(&connection).unwrap();
        wait(objects.list_page("trail", &ListRequest::default())).unwrap_err();
        assert_eq!((counts(&connection, Service::S3), stub.seen().len()), ([1, 0, 0], 1));
    }
}
