//! Makes CloudTrail events for the benches: the same ones on every run, no two alike, and as hard to inflate as real
//! ones, 1.3 KiB on average. It owns what the events look like; files and figures are left to the benches.

use std::fmt::Write as _;

use fastrand::Rng;

/// The user of the last event of a log; no other event has it.
pub const LAST_USER: &str = "the-last-user";

/// An API call: service, name, read-only or not, request, response, and members that only some events have. A `$`
/// starts something that changes from event to event, see [`fill`].
type Call = (&'static str, &'static str, bool, &'static str, &'static str, &'static str);

const CALLS: [Call; 24] = [
    ("ec2", "DescribeAvailabilityZones", true, r#"{"availabilityZoneSet":{},"availabilityZoneIdSet":{}}"#, "null", ""),
    (
        "ec2",
        "DescribeAccountAttributes",
        true,
        r#"{"accountAttributeNameSet":{"items":[{"attributeName":"supported-platforms"}]},"filterSet":{}}"#,
        "null",
        "",
    ),
    ("sts", "GetCallerIdentity", true, "null", "null", ""),
    ("iam", "GetUser", true, "null", "null", ""),
    (
        "health",
        "DescribeEventAggregates",
        true,
        r#"{"aggregateField":"eventTypeCategory","filter":{"eventStatusCodes":["open","upcoming"]}}"#,
        "null",
        "",
    ),
    ("rds", "DescribeDBInstances", true, r#"{"dBInstanceIdentifier":"$w-$n"}"#, "null", ""),
    (
        "ec2",
        "DescribeInstances",
        true,
        r#"{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"vpc-$x"}]}}]}}"#,
        "null",
        "",
    ),
    ("ec2", "DescribeVpcAttribute", true, r#"{"vpcId":"vpc-$x","attribute":"enableDnsSupport"}"#, "null", ""),
    (
        "ec2",
        "DescribeSecurityGroups",
        true,
        r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-$x"}]},"filterSet":{}}"#,
        "null",
        "",
    ),
    (
        "ec2",
        "RunInstances",
        false,
        r#"{"instancesSet":{"items":[{"imageId":"ami-$x","minCount":1,"maxCount":1}]},"instanceType":"$t","blockDeviceMapping":{},"monitoring":{"enabled":false},"subnetId":"subnet-$x","disableApiTermination":false,"clientToken":"terraform-$u","tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"Name","value":"$w-$n"},{"key":"team","value":"$w"}]}]}}"#,
        r#"{"requestId":"$u","reservationId":"r-$x","ownerId":"$a","groupSet":{},"instancesSet":{"items":[{"instanceId":"i-$x","imageId":"ami-$x","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-0-$b-$b.ec2.internal","amiLaunchIndex":0,"productCodes":{},"instanceType":"$t","launchTime":1772441000000,"placement":{"availabilityZone":"$ra","tenancy":"default"},"monitoring":{"state":"disabled"},"subnetId":"subnet-$x","vpcId":"vpc-$x","privateIpAddress":"10.0.$b.$b","stateReason":{"code":"pending","message":"pending"},"architecture":"x86_64","rootDeviceType":"ebs","virtualizationType":"hvm","hypervisor":"xen"}]}}"#,
        "",
    ),
    (
        "s3",
        "GetBucketAcl",
        true,
        r#"{"bucketName":"$w-$w-$a","Host":"$w-$w-$a.s3.$r.amazonaws.com","acl":""}"#,
        "null",
        r#""additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$s","bytesTransferredOut":$n},"resources":[{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$w-$w-$a"}],"#,
    ),
    (
        "s3",
        "GetObject",
        true,
        r#"{"bucketName":"$w-$w-$a","Host":"$w-$w-$a.s3.$r.amazonaws.com","key":"$w/$w/$n/part-$n.parquet"}"#,
        "null",
        r#""additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"SSEApplied":"SSE_S3","AuthenticationMethod":"AuthHeader","x-amz-id-2":"$s","bytesTransferredOut":$n$n},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::$w-$w-$a/$w/$n"},{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$w-$w-$a"}],"#,
    ),
    (
        "kms",
        "Decrypt",
        true,
        r#"{"encryptionContext":{"PARAMETER_ARN":"arn:aws:ssm:$r:$a:parameter/$w/$w/$n"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#,
        "null",
        r#""resources":[{"accountId":"$a","type":"AWS::KMS::Key","ARN":"arn:aws:kms:$r:$a:key/$u"}],"#,
    ),
    (
        "kms",
        "GenerateDataKey",
        true,
        r#"{"keyId":"arn:aws:kms:$r:$a:key/$u","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$w-$w-$a"},"keySpec":"AES_256"}"#,
        "null",
        r#""resources":[{"accountId":"$a","type":"AWS::KMS::Key","ARN":"arn:aws:kms:$r:$a:key/$u"}],"#,
    ),
    ("ssm", "GetParameter", true, r#"{"name":"/$w/$w/$n","withDecryption":true}"#, "null", ""),
    (
        "ssm",
        "UpdateInstanceInformation",
        false,
        r#"{"instanceId":"i-$x","agentVersion":"3.2.2222.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.0.$b.$b","computerName":"ip-10-0-$b-$b.ec2.internal","agentName":"amazon-ssm-agent","availabilityZone":"$ra","sSMConnectionChannel":"ssmmessages"}"#,
        "null",
        "",
    ),
    ("iam", "GetRole", true, r#"{"roleName":"$w-$w"}"#, "null", ""),
    ("iam", "ListAttachedRolePolicies", true, r#"{"roleName":"$w-$w"}"#, "null", ""),
    (
        "iam",
        "CreateRole",
        false,
        r#"{"roleName":"$w-$n","description":"role of the \"$w\" service","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}","tags":[{"key":"team","value":"$w"}]}"#,
        r#"{"role":{"path":"/","roleName":"$w-$n","roleId":"AROA$i","arn":"arn:aws:iam::$a:role/$w-$n","createDate":"Mar 2, 2026, 8:10:11 AM","assumeRolePolicyDocument":"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"}}"#,
        "",
    ),
    (
        "iam",
        "AttachRolePolicy",
        false,
        r#"{"roleName":"$w-$n","policyArn":"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}"#,
        "null",
        "",
    ),
    (
        "sts",
        "AssumeRole",
        true,
        r#"{"roleArn":"arn:aws:iam::$a:role/$w-$w","roleSessionName":"$w-$n","durationSeconds":3600}"#,
        r#"{"credentials":{"accessKeyId":"ASIA$i","sessionToken":"$s$s$s","expiration":"Mar 2, 2026, 9:10:11 AM"},"assumedRoleUser":{"assumedRoleId":"AROA$i:$w-$n","arn":"arn:aws:sts::$a:assumed-role/$w-$w/$w-$n"}}"#,
        r#""resources":[{"accountId":"$a","type":"AWS::IAM::Role","ARN":"arn:aws:iam::$a:role/$w-$w"}],"#,
    ),
    (
        "secretsmanager",
        "GetSecretValue",
        true,
        r#"{"secretId":"arn:aws:secretsmanager:$r:$a:secret:$w/$w-$n"}"#,
        "null",
        "",
    ),
    (
        "logs",
        "CreateLogStream",
        false,
        r#"{"logGroupName":"/aws/lambda/$w-$w","logStreamName":"2026/03/02/[$$LATEST]$h$h"}"#,
        "null",
        "",
    ),
    ("dynamodb", "DescribeTable", true, r#"{"tableName":"$w-$w-$n"}"#, "null", r#""apiVersion":"2012-08-10","#),
];

const WORDS: [&str; 24] = [
    "billing",
    "catalog",
    "checkout",
    "data",
    "deploy",
    "events",
    "frontend",
    "gateway",
    "images",
    "ingest",
    "journal",
    "lake",
    "mailer",
    "metrics",
    "orders",
    "payments",
    "pipeline",
    "portal",
    "reports",
    "search",
    "sessions",
    "staging",
    "terraform",
    "warehouse",
];

const AGENTS: [&str; 6] = [
    "aws-cli/2.15.30 Python/3.11.8 Linux/6.1.79-99.167.amzn2023.x86_64 exe/x86_64.amzn.2023 prompt/off",
    "APN/1.0 HashiCorp/1.0 Terraform/1.7.4 (+https://www.terraform.io) terraform-provider-aws/5.39.1 aws-sdk-go-v2/1.25.2",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36",
    "aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)",
    "Boto3/1.34.55 md/Botocore#1.34.55 ua/2.0 os/linux#5.10.209 md/arch#x86_64 lang/python#3.9.16 md/pyimpl#CPython exec-env/AWS_Lambda_python3.9",
    "aws-sdk-java/2.25.1 Linux/5.10.205-195.807.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.10+7-LTS Java/17.0.10",
];

const REGIONS: [&str; 4] = ["us-east-1", "eu-central-1", "eu-west-1", "us-west-2"];
const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "123456789012"];

/// What fills events of a wanted size, in requests and in responses.
const INSTANCE: &str = r#"{"instanceId":"i-$x","imageId":"ami-$x","instanceType":"$t","subnetId":"subnet-$x","privateIpAddress":"10.0.$b.$b","tagSet":{"items":[{"key":"Name","value":"$w-$n"}]}}"#;

/// About what follows the response in an event.
const TAIL: usize = 300;

/// The largest events whose caller has to be a short one.
const SMALL: usize = 1024;

/// The events of one log, in order.
pub struct Events {
    rng: Rng,
    number: u64,
    last: u64,
    /// The wanted size of every event.
    size: Option<usize>,
    session: Session,
}

/// Events come in runs of the same caller, as they do in real logs: that is what makes them so small in gzip.
#[derive(Default)]
struct Session {
    left: u32,
    user: &'static str,
    account: &'static str,
    region: &'static str,
    agent: &'static str,
    address: String,
    /// `userIdentity`, as JSON.
    identity: String,
    calls: [usize; 3],
}

impl Events {
    /// Begins a log of `count` events.
    pub fn new(count: u64) -> Self {
        Self { rng: Rng::with_seed(20_260_302), number: 0, last: count - 1, size: None, session: Session::default() }
    }

    /// Makes every event about this many bytes, 500 at least.
    #[allow(dead_code, reason = "not every bench has a use for it")]
    pub fn of_size(self, bytes: usize) -> Self {
        Self { size: Some(bytes), ..self }
    }

    /// Appends the next event, without white space around it.
    pub fn append_to(&mut self, out: &mut String) {
        let begin = out.len();
        let is_last = self.number == self.last;
        if self.session.left == 0 || is_last {
            self.session = self.new_session(is_last);
        }
        self.session.left -= 1;
        let call = self.session.calls[self.rng.usize(..self.session.calls.len())];
        let (service, name, read_only, request, response, more) = CALLS[call];
        let denied = self.rng.u8(..) < 8 && self.size.is_none();
        let Session { region, agent, account, ref address, ref identity, .. } = self.session;
        let second = self.number / 12 % 86_400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let _ = write!(
            out,
            r#"{{"eventVersion":"1.09","userIdentity":{identity},"eventTime":"2026-03-02T{hour:02}:{minute:02}:{second:02}Z","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"{address}","userAgent":"{agent}","#
        );
        if denied {
            out.push_str(r#""errorCode":"AccessDenied","errorMessage":"not authorized to perform: "#);
            let _ = write!(out, r#"{service}:{name} because no identity-based policy allows the action","#);
        }
        out.push_str(r#""requestParameters":"#);
        match self.size {
            None => self.fill(request, out),
            Some(size) => self.fill_up(begin + size / 2, out),
        }
        out.push_str(r#","responseElements":"#);
        match self.size {
            None if denied => out.push_str("null"),
            None => self.fill(response, out),
            Some(size) => self.fill_up(begin + size.saturating_sub(TAIL), out),
        }
        out.push(',');
        if self.size.is_none() {
            self.fill(more, out);
        }
        out.push_str(r#""requestID":""#);
        self.fill("$u", out);
        let (id, rest) = (mixed(self.number), self.rng.u64(..));
        let _ = write!(
            out,
            r#"","eventID":"{:08x}-{:04x}-4{:03x}-8{:03x}-{:04x}{:08x}","readOnly":{read_only},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management""#,
            id >> 32,
            id >> 16 & 0xffff,
            rest >> 52,
            rest >> 40 & 0xfff,
            id & 0xffff,
            rest & 0xffff_ffff,
        );
        if self.size.is_none_or(|size| size > SMALL) {
            let _ = write!(
                out,
                r#","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.{region}.amazonaws.com"}}"#
            );
        }
        out.push('}');
        self.number += 1;
    }

    /// Appends instances until the text is about `end` bytes long, or that there are none.
    fn fill_up(&mut self, end: usize, out: &mut String) {
        let mut separator = r#"{"instancesSet":{"items":["#;
        let is_full = |out: &String| out.len() + INSTANCE.len() / 2 >= end;
        if is_full(out) {
            return out.push_str("null");
        }
        while !is_full(out) {
            out.push_str(separator);
            self.fill(INSTANCE, out);
            separator = ",";
        }
        out.push_str("]}}");
    }

    fn new_session(&mut self, is_last: bool) -> Session {
        let rng = &mut self.rng;
        let user = if is_last { LAST_USER } else { WORDS[rng.usize(..WORDS.len())] };
        let form = if self.size.is_some_and(|size| size <= SMALL) { 0 } else { rng.u8(..10) };
        let mut session = Session {
            left: rng.u32(4..60),
            user,
            account: ACCOUNTS[rng.usize(..ACCOUNTS.len())],
            region: REGIONS[rng.usize(..REGIONS.len())],
            agent: AGENTS[rng.usize(..AGENTS.len())],
            address: format!("203.0.113.{}", rng.u8(1..255)),
            identity: String::new(),
            calls: [(); 3].map(|()| rng.usize(..CALLS.len())),
        };
        let form = match form {
            0 if !is_last => {
                session.address = "ec2.amazonaws.com".into();
                session.agent = "ec2.amazonaws.com";
                r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#
            }
            1..=3 => {
                r#"{"type":"IAMUser","principalId":"AIDA$i","arn":"arn:aws:iam::$a:user/$p","accountId":"$a","accessKeyId":"AKIA$i","userName":"$p"}"#
            }
            _ => {
                r#"{"type":"AssumedRole","principalId":"AROA$i:$w","arn":"arn:aws:sts::$a:assumed-role/$p/$w","accountId":"$a","accessKeyId":"ASIA$i","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA$i","arn":"arn:aws:iam::$a:role/$p","accountId":"$a","userName":"$p"},"webIdFederationData":{},"attributes":{"creationDate":"2026-03-02T08:10:11Z","mfaAuthenticated":"false"}}}"#
            }
        };
        self.session = session;
        let mut identity = String::new();
        self.fill(form, &mut identity);
        Session { identity, ..std::mem::take(&mut self.session) }
    }

    /// Appends a template: `$a` account, `$b` a byte, `$h` 16 hexadecimal digits, `$i` 16 letters and digits, `$n` a
    /// number, `$p` the caller's name, `$r` region, `$s` 76 characters of Base64, `$t` instance type, `$u` UUID,
    /// `$w` a word, `$x` an EC2 id, `$$` itself.
    fn fill(&mut self, template: &str, out: &mut String) {
        let mut parts = template.split('$');
        out.push_str(parts.next().unwrap_or_default());
        let mut literal = false;
        for part in parts {
            if std::mem::take(&mut literal) {
                out.push_str(part);
                continue;
            }
            let rng = &mut self.rng;
            let _ = match part.as_bytes().first() {
                Some(b'a') => write!(out, "{}", self.session.account),
                Some(b'b') => write!(out, "{}", rng.u8(..)),
                Some(b'h') => write!(out, "{:016x}", rng.u64(..)),
                Some(b'i') => {
                    out.extend((0..16).map(|_| rng.alphanumeric().to_ascii_uppercase()));
                    Ok(())
                }
                Some(b'n') => write!(out, "{}", rng.u16(100..10_000)),
                Some(b'p') => write!(out, "{}", self.session.user),
                Some(b'r') => write!(out, "{}", self.session.region),
                Some(b's') => {
                    out.extend((0..75).map(|_| rng.alphanumeric()));
                    write!(out, "=")
                }
                Some(b't') => write!(out, "{}", ["t3.micro", "m6i.large", "c6g.xlarge"][rng.usize(..3)]),
                Some(b'u') => {
                    let (high, low) = (rng.u64(..), rng.u64(..));
                    write!(
                        out,
                        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                        high >> 32,
                        high >> 16 & 0xffff,
                        high & 0xfff,
                        low >> 52,
                        low & 0xffff_ffff_ffff
                    )
                }
                Some(b'w') => write!(out, "{}", WORDS[rng.usize(..WORDS.len())]),
                Some(b'x') => write!(out, "0{:016x}", rng.u64(..)),
                _ => {
                    out.push('$');
                    literal = true;
                    continue;
                }
            };
            out.push_str(&part[1..]);
        }
    }
}

/// Mixes a number's bits so that no two numbers meet: the ids of the events are distinct and look random.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^ number >> 31
}
