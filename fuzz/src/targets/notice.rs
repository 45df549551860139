//! The body of a queue's message: what it leads to is within the bounds, an error quotes little of it, and an envelope
//! of SNS changes nothing.

use crate::decode::notice::{MessageLimits, Notice, NoticeError, is_log_key, read};

/// Few objects, so that messages have more.
const LIMITS: MessageLimits = MessageLimits { bytes: 1 << 16, items: 6 };

/// The longest text of an error.
const LONGEST_ERROR: usize = 2000;

/// Reads a message.
pub fn run(input: &[u8]) {
    let body = String::from_utf8_lossy(input);
    let notice = read(&body, LIMITS);
    check(&notice);
    // Texts that may have an envelope themselves, and those that an envelope may not hold as they are.
    if !["Type", "\\u", "\0"].iter().any(|hidden| body.contains(hidden)) {
        let enveloped = serde_json::json!({"Type": "Notification", "Message": body});
        assert_eq!(read(&enveloped.to_string(), LIMITS), notice);
    }
}

fn check(notice: &Result<Notice, NoticeError>) {
    match notice {
        Ok(Notice::Objects(objects)) => {
            assert!((1..=LIMITS.items).contains(&objects.len()));
            for object in objects {
                let is_possible = (3..=63).contains(&object.bucket.len()) && (1..=1024).contains(&object.key.len());
                assert!(object.impossible.is_some() || is_possible && object.bucket.is_ascii());
                is_log_key(&object.key);
            }
        }
        Ok(Notice::Events(events)) => {
            assert!((1..=LIMITS.items).contains(&events.len()));
            assert!(events.iter().all(|event| event.starts_with('{') && event.ends_with('}')));
        }
        Ok(Notice::Nothing(why)) => assert!(!why.is_empty()),
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() <= LONGEST_ERROR && !text.contains(char::is_control), "{text:?}");
        }
    }
}
