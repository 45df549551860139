//! `Objects`: lists and reads the objects of S3 buckets, in whatever region each bucket is.
//!
//! Which keys are logs, and what their bytes mean, is left to the callers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{Config, Region, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::EncodingType;
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::region::is_region;
use super::{AwsError, Connection, Kind};

const LIST: &str = "s3:ListBucket";
const GET: &str = "s3:GetObject";

/// How long a body may take to give its next bytes.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// How many buckets in other regions are remembered; then they are found anew.
const BUCKETS: usize = 1024;
/// How many regions have a client. There are fewer, but a server could make more up.
const REGIONS: usize = 64;

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
#[derive(Debug, Clone)]
pub struct Objects {
    connection: Arc<Connection>,
    path_style: bool,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    clients: HashMap<String, Client>,
    /// Only buckets that are not in the region of the connection.
    regions: HashMap<String, String>,
}

impl Objects {
    /// Makes the handle. No request is made.
    ///
    /// # Errors
    ///
    /// When the endpoint URL cannot be used, or is https on a machine without certificate authorities.
    pub fn new(connection: &Connection) -> Result<Self, AwsError> {
        let endpoint = connection.endpoint("S3");
        connection.check_endpoint(endpoint.as_deref())?;
        Ok(Self {
            connection: Arc::new(connection.clone()),
            // Other servers have no host name for each bucket.
            path_style: endpoint.is_some(),
            known: Arc::default(),
        })
    }

    /// Asks whether a bucket exists and can be listed.
    ///
    /// # Errors
    ///
    /// `NotFound` without the bucket, `Denied` without `s3:ListBucket`, and whatever else ends a request.
    pub async fn head_bucket(&self, bucket: &str) -> Result<(), AwsError> {
        let request = |client: Client| client.head_bucket().bucket(bucket).send();
        self.follow(LIST, bucket, &format!("s3://{bucket}"), request).await.map(drop)
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
        let output = self.follow(LIST, bucket, &target, request).await?;
        if output.is_truncated() == Some(true) && output.next_continuation_token().is_none() {
            return Err(AwsError::new(Kind::Transient, LIST, &target, "a page that is not the last names no next one"));
        }
        Ok(page(output))
    }

    /// Begins to read an object at byte `from`, provided that its ETag is still `if_match`.
    ///
    /// # Errors
    ///
    /// `Gone` without the object, `NotFound` without the bucket, `Denied` without `s3:GetObject` (or, for an object
    /// that does not exist, without `s3:ListBucket`), `Changed` when another object has taken the key or `from` is
    /// behind its end, and whatever else ends a request.
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
        let output = self.follow(GET, bucket, &target, request).await?;
        Body::new(output, from, target)
    }

    /// Sends a request to the region of its bucket, and once more when the answer names another.
    async fn follow<T, E, F>(
        &self,
        action: &'static str,
        bucket: &str,
        target: &str,
        request: impl Fn(Client) -> F,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        // The SDK would take an ARN in this place for that of an access point, and go there.
        if bucket.is_empty() || !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(AwsError::new(Kind::Invalid, action, target, "not a name of a bucket"));
        }
        let region = self.region_of(bucket);
        let error = match request(self.client(&region)).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let other = error.raw_response().and_then(region_named).filter(|other| *other != region);
        let Some(other) = other else { return Err(AwsError::from_sdk(action, target, &error)) };
        let output = request(self.client(&other)).await;
        let output = output.map_err(|error| AwsError::from_sdk(action, target, &error))?;
        self.remember(bucket, &other);
        Ok(output)
    }

    fn region_of(&self, bucket: &str) -> String {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.regions.get(bucket).map_or_else(|| self.connection.region().to_owned(), Clone::clone)
    }

    fn remember(&self, bucket: &str, region: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.regions.len() >= BUCKETS {
            known.regions.clear();
        }
        known.regions.insert(bucket.to_owned(), region.to_owned());
    }

    fn client(&self, region: &str) -> Client {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.clients.get(region) {
            return client.clone();
        }
        if known.clients.len() >= REGIONS {
            known.clients.clear();
        }
        let config = Config::from(self.connection.sdk())
            .to_builder()
            .region(Region::new(region.to_owned()))
            .force_path_style(self.path_style)
            // Logs are gzip, which has checksums of its own.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let client = Client::from_conf(config);
        known.clients.insert(region.to_owned(), client.clone());
        client
    }
}

/// An object that is being read. Dropping it ends the download.
#[derive(Debug)]
pub struct Body {
    /// Identifies the object as it is now, for reading on after a broken connection.
    pub etag: Option<String>,
    /// Bytes of the whole object, also when the reading began in it.
    pub length: Option<u64>,
    target: String,
    stream: ByteStream,
}

impl Body {
    fn new(output: GetObjectOutput, from: u64, target: String) -> Result<Self, AwsError> {
        let length = match (from, output.content_range()) {
            (0, None) => output.content_length().and_then(|length| u64::try_from(length).ok()),
            (from, Some(range)) if range.starts_with(&format!("bytes {from}-")) => {
                range.rsplit('/').next().and_then(|length| length.parse().ok())
            }
            _ => return Err(AwsError::new(Kind::Changed, GET, &target, "the answer is not the range asked for")),
        };
        Ok(Self { etag: output.e_tag().map(str::to_owned), length, target, stream: output.body })
    }

    /// Waits for the next bytes, `None` at the end of the object.
    ///
    /// # Errors
    ///
    /// `Transient` when the connection breaks, or gives nothing for 30 seconds. Nothing follows an error.
    pub async fn next_chunk(&mut self) -> Option<Result<Bytes, AwsError>> {
        match tokio::time::timeout(CHUNK_TIMEOUT, self.stream.next()).await {
            Ok(chunk) => Some(chunk?.map_err(|error| AwsError::unanswered(GET, &self.target, &error))),
            Err(_) => Some(Err(AwsError::new(
                Kind::Transient,
                GET,
                &self.target,
                &format!("no data for {} seconds", CHUNK_TIMEOUT.as_secs()),
            ))),
        }
    }
}

/// Returns the region that an answer sends to.
fn region_named(answer: &HttpResponse) -> Option<String> {
    if !matches!(answer.status().as_u16(), 301 | 307 | 400) {
        return None;
    }
    let in_body = || {
        let body = std::str::from_utf8(answer.body().bytes()?).ok()?;
        Some(body.split_once("<Region>")?.1.split_once("</Region>")?.0)
    };
    let region = answer.headers().get("x-amz-bucket-region").or_else(in_body)?;
    is_region(region).then(|| region.to_owned())
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
