//! What can go wrong with a request, and how each service says so. When that happens is left to others.

use super::Message;
use serde_json::json;
use std::time::Duration;

/// What becomes of a request instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Throttled,
    /// 500.
    Internal,
    /// 503.
    Unavailable,
    /// The credentials have expired.
    Expired,
    /// The credentials are not known, as valid ones are not in a region that the account has not enabled.
    Unrecognized,
    Denied,
    /// The service, or the region, is not enabled for the account.
    NotEnabled,
    /// `InvalidNextTokenException`, which only CloudTrail has.
    TokenExpired,
    /// The connection is closed before the answer.
    Cut,
    /// The connection is closed in the middle of the answer's body.
    CutInside,
    /// 200 with a body that cannot be read.
    Garbage,
    /// The answer as it is, after this time.
    Slow(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    CloudTrail,
    Sts,
    Account,
}

/// Returns the answer that a fault makes; none of those that are about the connection.
pub fn refusal(service: Service, fault: Fault) -> Option<Message> {
    // In the order of the services.
    let (status, codes) = match fault {
        Fault::Throttled => ([400, 400, 429], ["ThrottlingException", "Throttling", "TooManyRequestsException"]),
        Fault::Internal => ([500; 3], ["InternalFailure", "InternalFailure", "InternalServerException"]),
        Fault::Unavailable => ([503; 3], ["ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailableException"]),
        Fault::Expired => ([400, 403, 403], ["ExpiredTokenException", "ExpiredToken", "ExpiredTokenException"]),
        Fault::Unrecognized => {
            ([400, 403, 403], ["UnrecognizedClientException", "InvalidClientTokenId", "UnrecognizedClientException"])
        }
        Fault::Denied => ([400, 403, 403], ["AccessDeniedException", "AccessDenied", "AccessDeniedException"]),
        Fault::NotEnabled => ([403; 3], ["OptInRequired", "RegionDisabledException", "OptInRequired"]),
        Fault::TokenExpired => ([400; 3], ["InvalidNextTokenException"; 3]),
        Fault::Garbage => {
            return Some(Message::new("HTTP/1.1 200 OK").with("Content-Type", "text/html").body("<html>made by the"));
        }
        Fault::Cut | Fault::CutInside | Fault::Slow(_) => return None,
    };
    let message = if fault == Fault::Throttled { "Rate exceeded" } else { "made by the test" };
    Some(refuse(service, status[service as usize], codes[service as usize], message))
}

/// Returns the answer with which a service refuses a request.
pub fn refuse(service: Service, status: u16, code: &str, message: &str) -> Message {
    let answer = Message::new(format!("HTTP/1.1 {status} Refused")).with("x-amzn-RequestId", "TEST");
    match service {
        Service::CloudTrail => {
            let body = json!({"__type": code, "message": message});
            answer.with("Content-Type", "application/x-amz-json-1.1").body(body.to_string())
        }
        Service::Sts => {
            let kind = if status < 500 { "Sender" } else { "Receiver" };
            answer.with("Content-Type", "text/xml").body(format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{kind}</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error><RequestId>TEST</RequestId></ErrorResponse>"
            ))
        }
        Service::Account => answer
            .with("Content-Type", "application/json")
            .with("x-amzn-ErrorType", code)
            .body(json!({ "message": message }).to_string()),
    }
}
