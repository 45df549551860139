//! The documents that messages consist of: notifications of CloudTrail and S3, and events of EventBridge.

use super::{Notice, NoticeError, ObjectRef, short};
use jsontext::{Kind, Value};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Reads one document, or a list of them, that names up to `most` objects or events.
pub(super) fn read(root: Value<'_>, most: usize) -> Result<Notice, NoticeError> {
    let mut found = Found { most, ..Found::default() };
    match root.kind() {
        Kind::Array if root.items().next().is_some() => {
            root.items().try_for_each(|item| found.document(item))?;
        }
        _ => found.document(root)?,
    }
    match found {
        Found { objects, events, .. } if !objects.is_empty() && !events.is_empty() => Err(NoticeError::Mixed),
        Found { objects, .. } if !objects.is_empty() => Ok(Notice::Objects(objects)),
        Found { events, .. } if !events.is_empty() => Ok(Notice::Events(events)),
        Found { other, .. } => Ok(Notice::Nothing(other)),
    }
}

/// Returns a string's meaning.
pub(super) fn text(value: Option<Value<'_>>) -> Option<String> {
    value.filter(|value| value.kind() == Kind::String)?.text().map(Cow::into_owned)
}

/// What has been found in a message.
#[derive(Default)]
struct Found {
    /// How many objects and events there may be.
    most: usize,
    objects: Vec<ObjectRef>,
    events: Vec<String>,
    /// What the message is when it leads to nothing.
    other: &'static str,
}

impl Found {
    fn document(&mut self, root: Value<'_>) -> Result<(), NoticeError> {
        if let Some(records) = root.get("Records") {
            return self.s3_records(records);
        }
        if let (Some(bucket), Some(keys)) = (root.get("s3Bucket"), root.get("s3ObjectKey")) {
            return self.cloudtrail(bucket, keys);
        }
        if root.get("Event").is_some_and(|event| event.is("s3:TestEvent")) {
            self.other = "a test message of S3";
            return Ok(());
        }
        if let (Some(detail_type), Some(detail)) = (text(root.get("detail-type")), root.get("detail")) {
            return self.event_bridge(root, &detail_type, detail);
        }
        Err(NoticeError::unknown(root))
    }

    /// A notification that CloudTrail sends itself.
    fn cloudtrail(&mut self, bucket: Value<'_>, keys: Value<'_>) -> Result<(), NoticeError> {
        self.other = "a notification of CloudTrail that names no objects";
        if keys.kind() != Kind::Array {
            return Err(NoticeError::Lacks("a list in s3ObjectKey"));
        }
        for key in keys.items() {
            let key = text(Some(key)).ok_or(NoticeError::Lacks("a key in s3ObjectKey"))?;
            self.object(Some(bucket), key, None)?;
        }
        Ok(())
    }

    /// The records of an event notification of S3, whose keys are URL-encoded.
    fn s3_records(&mut self, records: Value<'_>) -> Result<(), NoticeError> {
        self.other = "a notification of S3 about no new object";
        if records.kind() != Kind::Array {
            return Err(NoticeError::Lacks("a list in Records"));
        }
        for record in records.items() {
            let s3 = record.get("s3").ok_or(NoticeError::Lacks("s3 in one of its Records"))?;
            let event = text(record.get("eventName")).ok_or(NoticeError::Lacks("eventName in one of its Records"))?;
            if !event.strip_prefix("s3:").unwrap_or(&event).starts_with("ObjectCreated") {
                continue;
            }
            let object = s3.get("object").ok_or(NoticeError::Lacks("s3.object in one of its Records"))?;
            let key = text(object.get("key")).ok_or(NoticeError::Lacks("the key of an object"))?;
            let key = key.replace('+', " ");
            let key = percent_decode_str(&key).decode_utf8().map_err(|_| NoticeError::KeyNotUtf8)?;
            self.object(s3.path(&["bucket", "name"]), key.into_owned(), object.get("size"))?;
        }
        Ok(())
    }

    /// An event of EventBridge; its keys are not encoded. Whoever may put events on a bus chooses all of theirs but the
    /// source, which begins with `aws.` for those of AWS alone.
    fn event_bridge(&mut self, root: Value<'_>, kind: &str, detail: Value<'_>) -> Result<(), NoticeError> {
        let source = text(root.get("source")).unwrap_or_default();
        if kind.ends_with("via CloudTrail") && source.starts_with("aws.") && detail.kind() == Kind::Object {
            return self.event(detail);
        }
        if source != "aws.s3" {
            return Err(NoticeError::Unknown(format!("an event of EventBridge, {}", short(kind.as_bytes(), 80))));
        }
        self.other = "an event of S3 about no new object";
        if kind != "Object Created" {
            return Ok(());
        }
        let object = detail.get("object").ok_or(NoticeError::Lacks("detail.object"))?;
        let key = text(object.get("key")).ok_or(NoticeError::Lacks("the key of an object"))?;
        self.object(detail.path(&["bucket", "name"]), key, object.get("size"))
    }

    fn object(&mut self, bucket: Option<Value<'_>>, key: String, size: Option<Value<'_>>) -> Result<(), NoticeError> {
        self.count()?;
        let bucket = text(bucket).ok_or(NoticeError::Lacks("the name of a bucket"))?;
        let bytes = size.and_then(|size| std::str::from_utf8(size.json()).ok()?.parse().ok());
        self.objects.push(ObjectRef::new(bucket, key, bytes));
        Ok(())
    }

    fn event(&mut self, event: Value<'_>) -> Result<(), NoticeError> {
        self.count()?;
        self.events.push(String::from_utf8_lossy(event.json()).into_owned());
        Ok(())
    }

    /// Makes sure that there is room for one more.
    fn count(&self) -> Result<(), NoticeError> {
        if self.objects.len() + self.events.len() < self.most { Ok(()) } else { Err(NoticeError::TooMany) }
    }
}
