//! `Objects`: lists and reads the objects of S3 buckets, in whatever region each bucket is.
//!
//! Which keys are logs, and what their bytes mean, is left to the callers.

use std::fmt;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use super::{AwsError, Connection, Kind};

mod body;
mod clients;

pub use body::Body;
use clients::Clients;

const LIST: &str = "s3:ListBucket";
const GET: &str = "s3:GetObject";

/// What to list of a bucket.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Only keys that begin with it.
    pub prefix: String,
    /// Returns what lies between the prefix and the next `/` once, as [`Page::prefixes`], in place of the keys.
    pub delimiter: bool,
    /// Only keys behind it, in the order of their bytes.
    pub start_after: Option<String>,
    /// [`Page::next`] of the page before.
    pub continuation: Option<String>,
}

/// One page of a listing, up to 1,000 keys in the order of their bytes.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Listed>,
    /// Prefixes that end in `/`, when the request asked for them.
    pub prefixes: Vec<String>,
    /// [`ListRequest::continuation`] of the next page, `None` on the last one.
    pub next: Option<String>,
}

/// An object as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The whole key.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// What [`Objects::get`] takes as `if_match`; empty when the server gives none.
    pub etag: String,
    /// When it was written, in seconds since 1970.
    pub modified_s: i64,
}

/// Access to the objects of all buckets. A clone is cheap and shares what is known of the buckets' regions.
#[derive(Clone)]
pub struct Objects {
    clients: Arc<Clients>,
}

impl fmt::Debug for Objects {
    /// Shows nothing: the settings of the clients hold the external id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

impl Objects {
    /// Makes the handle. No request is made.
    ///
    /// # Errors
    ///
    /// When the endpoint URL cannot be used, or is https on a machine without certificate authorities.
    pub fn new(connection: &Connection) -> Result<Self, AwsError> {
        Ok(Self { clients: Arc::new(Clients::new(connection)?) })
    }

    /// Lists one page of a bucket.
    ///
    /// # Errors
    ///
    /// `NotFound` without the bucket, `Denied` without `s3:ListBucket`, and whatever else ends a request.
    pub async fn list_page(&self, bucket: &str, list: &ListRequest) -> Result<Page, AwsError> {
        let request = |client: Client| {
            client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(&list.prefix)
                .set_delimiter(list.delimiter.then(|| "/".to_owned()))
                .set_start_after(list.start_after.clone())
                .set_continuation_token(list.continuation.clone())
                // Keys may hold what XML cannot.
                .encoding_type(EncodingType::Url)
                .send()
        };
        let target = format!("s3://{bucket}/{}", list.prefix);
        let output = self.clients.send(LIST, bucket, &target, request).await?;
        if output.is_truncated() == Some(true) && output.next_continuation_token().is_none() {
            return Err(AwsError::new(Kind::Transient, LIST, &target, "a page that is not the last names no next one"));
        }
        if list.continuation.is_some() && output.next_continuation_token() == list.continuation.as_deref() {
            return Err(AwsError::new(Kind::Transient, LIST, &target, "a page names itself as the next one"));
        }
        Ok(page(output))
    }

    /// Begins to read an object at byte `from`, provided that its ETag is still `if_match`.
    ///
    /// # Errors
    ///
    /// `Gone` without the object, `NotFound` without the bucket, `Denied` without `s3:GetObject` (or, for an object
    /// that does not exist, without `s3:ListBucket`), `Changed` when another object has taken the key or `from` is
    /// behind its end, `Invalid` for a key with a part `.` or `..` on a server that is not Amazon's, and whatever else
    /// ends a request.
    pub async fn get(&self, bucket: &str, key: &str, from: u64, if_match: Option<&str>) -> Result<Body, AwsError> {
        let request = |client: Client| {
            client
                .get_object()
                .bucket(bucket)
                .key(key)
                .set_range((from > 0).then(|| format!("bytes={from}-")))
                .set_if_match(if_match.map(str::to_owned))
                .send()
        };
        let target = format!("s3://{bucket}/{key}");
        // What stands before such a server may take the parts for folders, and go to another bucket.
        if self.clients.path_style() && has_dot_part(key) {
            return Err(AwsError::new(Kind::Invalid, GET, &target, "a key with . or .. between slashes"));
        }
        let output = self.clients.send(GET, bucket, &target, request).await?;
        Body::new(output, from, target)
    }
}

/// Returns whether a key has a part that a path has for a folder.
fn has_dot_part(key: &str) -> bool {
    key.split('/').any(|part| part == "." || part == "..")
}

fn page(output: ListObjectsV2Output) -> Page {
    // Not every server encodes when asked to; what was encoded says so.
    let encoded = output.encoding_type().is_some();
    let text = |text: &str| if encoded { decoded(text) } else { text.to_owned() };
    let objects = output.contents().iter().filter_map(|object| {
        Some(Listed {
            key: text(object.key()?),
            bytes: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            etag: object.e_tag().unwrap_or_default().to_owned(),
            modified_s: object.last_modified().map_or(0, |time| time.secs()),
        })
    });
    let prefixes = output.common_prefixes().iter().filter_map(|prefix| prefix.prefix().map(text));
    Page {
        objects: objects.collect(),
        prefixes: prefixes.collect(),
        next: output.next_continuation_token().map(str::to_owned),
    }
}

/// Undoes the encoding of a key in a listing, in which `+` stands for a blank.
fn decoded(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::DateTime;
    use aws_sdk_s3::types::{CommonPrefix, Object};

    use super::*;
    use crate::aws::Access;

    fn output(key: &str, prefix: &str, encoding: Option<EncodingType>) -> ListObjectsV2Output {
        let object = Object::builder().key(key).size(7).e_tag("\"e\"").last_modified(DateTime::from_secs(5)).build();
        ListObjectsV2Output::builder()
            .contents(object)
            .common_prefixes(CommonPrefix::builder().prefix(prefix).build())
            .set_encoding_type(encoding)
            .next_continuation_token("a+b%20")
            .build()
    }

    #[test]
    fn keys_and_buckets_that_a_server_could_take_for_others_are_not_asked_for() {
        let access = Access {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some("http://127.0.0.1:9".to_owned()),
            ..Access::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(Connection::new(&access, None)).unwrap();
        let objects = Objects::new(&connection).unwrap();
        for (bucket, key) in [
            ("trail", "../other/a.json"),
            ("trail", "a/../../other/a.json"),
            ("trail", "a/."),
            ("trail", ".."),
            ("..", "other/a.json"),
            ("a..b", "a.json"),
            ("tr", "a.json"),
        ] {
            // A request would end in another kind of error, that of a connection or of credentials.
            let error = runtime.block_on(objects.get(bucket, key, 0, None)).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{bucket} {key}: {error}");
        }
        assert!(!has_dot_part("a/..b/.c/d...json"), "dots inside of names are none");
    }

    #[test]
    fn encoded_keys_are_decoded_and_others_left_alone() {
        let page_of = |encoding| page(output("a+b%2Bc%25%0A%E6%97%A5%00", "x+y%2F", encoding));
        let decoded = page_of(Some(EncodingType::Url));
        let listed = |key: &str| Listed { key: key.to_owned(), bytes: 7, etag: "\"e\"".to_owned(), modified_s: 5 };
        assert_eq!(decoded.objects, [listed("a b+c%\n日\0")]);
        assert_eq!(decoded.prefixes, ["x y/"]);
        assert_eq!(decoded.next.as_deref(), Some("a+b%20"), "a token is no key");
        assert_eq!(page_of(None).objects, [listed("a+b%2Bc%25%0A%E6%97%A5%00")]);
    }
}
