//! Every field of the plugin, in the order in which users read them: the event, who, what, from where, then by service.
//!
//! The table is all there is to declare: Falco's field list and the README's table are made from it. Names, types
//! and meanings of the official plugin's fields are kept; a `better` one differs on purpose and the README says how.

use super::{FieldSpec, Get, List, TextFn, identity, info, ingress, policy, service, sharing};

/// The fields that the plugin extracts.
pub const FIELDS: &[FieldSpec] = &[
    // The event.
    path("ct.id", &["eventID"], "Event ID", "The unique ID of the event."),
    path(
        "ct.error",
        &["errorCode"],
        "Error Code",
        "The error code of a call that failed; not present when it succeeded.",
    ),
    path("ct.errormessage", &["errorMessage"], "Error Message", "The description of the error of a call that failed."),
    path("ct.time", &["eventTime"], "Timestamp", "The time of the event as it is logged.").with(&["hidden"]),
    path("ct.src", &["eventSource"], "AWS Service", "The service that was called, such as `s3.amazonaws.com`."),
    text("ct.shortsrc", service::short_source, "AWS Service", "The service that was called, without `.amazonaws.com`."),
    path("ct.name", &["eventName"], "Event Name", "The name of the event, for most events the API call."),
    path("ct.region", &["awsRegion"], "Region", "The region of the event."),
    text("ct.info", info::info, "Info", "A summary: who did what from where, and to which object.").with(&["info"]),
    text(
        "ct.readonly",
        service::read_only,
        "Read Only",
        "`true` when the event only reads, `false` when it changes something; told by the event's name where it is not logged.",
    ),
    text(
        "ct.managementevent",
        service::management_event,
        "Management Event",
        "`true` for a management event, `false` for others; told by the category where it is not logged.",
    ),
    path("ct.eventtype", &["eventType"], "Event Type", "The type of the event, such as `AwsApiCall`."),
    path(
        "ct.eventcategory",
        &["eventCategory"],
        "Event Category",
        "The category of the event, such as `Management`, `Data` or `Insight`.",
    ),
    path("ct.requestid", &["requestID"], "Request ID", "The ID of the request."),
    path("ct.apiversion", &["apiVersion"], "API Version", "The version of the API that was called."),
    path(
        "ct.recipientaccountid",
        &["recipientAccountId"],
        "Recipient Account ID",
        "The account that received the event.",
    ),
    path(
        "ct.sharedeventid",
        &["sharedEventID"],
        "Shared Event ID",
        "The ID that events of one action in several accounts share.",
    ),
    path(
        "ct.serviceeventdetails",
        &["serviceEventDetails"],
        "Service Event Details",
        "What triggered a service event, and its result, as JSON text.",
    ),
    path(
        "ct.addendum.reason",
        &["addendum", "reason"],
        "Addendum Reason",
        "Why the event, or a part of it, comes late.",
    ),
    path(
        "ct.addendum.updatedfields",
        &["addendum", "updatedFields"],
        "Updated Fields",
        "The fields that the addendum updates.",
    ),
    path(
        "ct.addendum.originalrequestid",
        &["addendum", "originalRequestID"],
        "Original Request ID",
        "The request ID of the event that the addendum updates.",
    ),
    path(
        "ct.addendum.originaleventid",
        &["addendum", "originalEventID"],
        "Original Event ID",
        "The ID of the event that the addendum updates.",
    ),
    spec(
        "ct.value",
        Get::Pointer,
        "Event Value",
        "The value that the JSON pointer in the argument names in the event, as in `ct.value[/userIdentity/arn]`.",
    ),
    spec(
        "ct.values",
        Get::Pointers,
        "Event Values",
        "The values that the JSON pointer in the argument names in the event, where a step `*` stands for every item of an array and every member of an object.",
    ),
    // Who.
    text(
        "ct.user",
        identity::user,
        "User Name",
        "The user: a user's name, the role's name for its sessions, the service's name for a service.",
    )
    .with(&["conversation"]),
    text(
        "ct.originaluser",
        identity::original_user,
        "Original User Name",
        "The user's name as it is logged: the session's name for sessions of a role, else the name of the user.",
    ),
    first(
        "ct.user.accountid",
        &[&["userIdentity", "accountId"], &["recipientAccountId"]],
        "User Account ID",
        "The account of the user, else the account that received the event.",
    ),
    path(
        "ct.user.identitytype",
        &["userIdentity", "type"],
        "User Identity Type",
        "The kind of identity, such as `Root`, `IAMUser` or `AssumedRole`.",
    ),
    path(
        "ct.user.principalid",
        &["userIdentity", "principalId"],
        "User Principal ID",
        "The unique ID of the identity.",
    ),
    path("ct.user.arn", &["userIdentity", "arn"], "User ARN", "The ARN of the identity."),
    path(
        "ct.user.accesskeyid",
        &["userIdentity", "accessKeyId"],
        "Access Key ID",
        "The access key that signed the request.",
    ),
    path("ct.user.invokedby", &["userIdentity", "invokedBy"], "Invoked By", "The service that made the request."),
    path(
        "ct.user.issuer.arn",
        &["userIdentity", "sessionContext", "sessionIssuer", "arn"],
        "Session Issuer ARN",
        "The ARN of the role or user that the session was made from.",
    ),
    path(
        "ct.user.issuer.type",
        &["userIdentity", "sessionContext", "sessionIssuer", "type"],
        "Session Issuer Type",
        "The kind of identity that the session was made from.",
    ),
    path(
        "ct.user.sourceidentity",
        &["userIdentity", "sessionContext", "sourceIdentity"],
        "Source Identity",
        "The identity that was set when the first role was assumed.",
    ),
    path(
        "ct.user.sessioncreated",
        &["userIdentity", "sessionContext", "attributes", "creationDate"],
        "Session Created",
        "The time at which the session was made.",
    ),
    text(
        "ct.user.mfa",
        identity::mfa,
        "MFA Used",
        "`true` when the session or the console login was made with a second factor, else `false`.",
    ),
    text(
        "ct.user.crossaccount",
        identity::cross_account,
        "Cross Account",
        "`true` when the user's account is another one than the account that received the event, else `false`.",
    ),
    spec(
        "ct.sessioncredentialfromconsole",
        Get::Flag(&["sessionCredentialFromConsole"]),
        "Session Credential From Console",
        "`true` when the event comes from a session of the AWS console.",
    ),
    path(
        "ct.console.login",
        &["responseElements", "ConsoleLogin"],
        "Console Login",
        "The result of a console login: `Success` or `Failure`.",
    ),
    // From where.
    path(
        "ct.srcip",
        &["sourceIPAddress"],
        "Source IP",
        "The address that the request came from, or the name of a service.",
    )
    .with(&["conversation"]),
    spec(
        "ct.srcip.ip",
        Get::Address(service::source_address),
        "Source Address",
        "The address that the request came from, when it is one IP address, to compare with addresses.",
    ),
    spec(
        "ct.srcip.net",
        Get::Network(service::source_address),
        "Source Network",
        "The address that the request came from, when it is one IP address, to compare with networks as in `ct.srcip.net in (10.0.0.0/8)`.",
    ),
    path("ct.useragent", &["userAgent"], "User Agent", "The program that made the request."),
    path("ct.vpcendpointid", &["vpcEndpointId"], "VPC Endpoint ID", "The VPC endpoint that the request came through."),
    path("ct.tlsdetails.tlsversion", &["tlsDetails", "tlsVersion"], "TLS Version", "The TLS version of the request."),
    path(
        "ct.tlsdetails.ciphersuite",
        &["tlsDetails", "cipherSuite"],
        "TLS Cipher Suite",
        "The TLS cipher suite of the request.",
    ),
    path(
        "ct.tlsdetails.clientprovidedhostheader",
        &["tlsDetails", "clientProvidedHostHeader"],
        "Client Provided Host Header",
        "The host name that the client used.",
    ),
    path(
        "ct.edgedevicedetails",
        &["edgeDeviceDetails"],
        "Edge Device Details",
        "The edge devices that the request is for, as JSON text.",
    ),
    // What.
    inside(
        "ct.request",
        &["requestParameters"],
        "Request Parameters",
        "The request's parameters as JSON text, or the value that a JSON pointer names in them.",
    ),
    path(
        "ct.request.availabilityzone",
        &["requestParameters", "availabilityZone"],
        "Request Availability Zone",
        "The availability zone in the request.",
    ),
    path("ct.request.cluster", &["requestParameters", "cluster"], "Request Cluster", "The cluster in the request."),
    path(
        "ct.request.functionname",
        &["requestParameters", "functionName"],
        "Request Function Name",
        "The function's name in the request.",
    ),
    path(
        "ct.request.groupname",
        &["requestParameters", "groupName"],
        "Request Group Name",
        "The group's name in the request.",
    ),
    path("ct.request.host", &["requestParameters", "Host"], "Request Host Name", "The host in the request."),
    path("ct.request.name", &["requestParameters", "name"], "Request Name", "The name of what the request is about."),
    text(
        "ct.request.policy",
        service::request_policy,
        "Request Policy",
        "The policy in the request; for a bucket's policy the document as JSON text.",
    ),
    path("ct.request.reason", &["requestParameters", "reason"], "Request Reason", "The reason in the request."),
    path("ct.request.target", &["requestParameters", "target"], "Request Target", "The target in the request."),
    path(
        "ct.request.documentname",
        &["requestParameters", "documentName"],
        "Request Document Name",
        "The document's name in the request.",
    ),
    path(
        "ct.request.serialnumber",
        &["requestParameters", "serialNumber"],
        "Request Serial Number",
        "The serial number in the request.",
    ),
    path(
        "ct.request.servicename",
        &["requestParameters", "serviceName"],
        "Request Service Name",
        "The service's name in the request.",
    ),
    path("ct.request.subnetid", &["requestParameters", "subnetId"], "Request Subnet ID", "The subnet in the request."),
    path(
        "ct.request.taskdefinition",
        &["requestParameters", "taskDefinition"],
        "Request Task Definition",
        "The task definition in the request.",
    ),
    path(
        "ct.request.username",
        &["requestParameters", "userName"],
        "Request User Name",
        "The user's name in the request.",
    ),
    inside(
        "ct.response",
        &["responseElements"],
        "Response Elements",
        "The response's elements as JSON text, or the value that a JSON pointer names in them.",
    ),
    first(
        "ct.response.subnetid",
        &[&["responseElements", "subnetId"], &["responseElements", "instancesSet", "items", "0", "subnetId"]],
        "Response Subnet ID",
        "The subnet in the response, else that of the first instance in it.",
    ),
    path(
        "ct.response.reservationid",
        &["responseElements", "reservationId"],
        "Response Reservation ID",
        "The reservation in the response.",
    ),
    inside(
        "ct.additionaleventdata",
        &["additionalEventData"],
        "Additional Event Data",
        "The additional data of the event as JSON text, or the value that a JSON pointer names in them.",
    ),
    text(
        "ct.resources",
        service::resources,
        "Resources",
        "The resources that were accessed, each as JSON text, joined with commas.",
    ),
    list("ct.resources.arn", service::resource_arns, "Resource ARNs", "The ARNs of the resources that were accessed."),
    list(
        "ct.resources.type",
        service::resource_types,
        "Resource Types",
        "The types of the resources that were accessed.",
    ),
    list(
        "ct.resources.accountid",
        service::resource_accounts,
        "Resource Account IDs",
        "The accounts that own the resources that were accessed.",
    ),
    // What is opened.
    text(
        "ct.policy.public",
        policy::is_public,
        "Policy Is Public",
        "`true` when a policy in the request lets in everyone or a foreign account, `false` when it does not; not present without a policy.",
    ),
    texts(
        "ct.policy.accounts",
        policy::accounts,
        "Policy Accounts",
        "Who is let in from outside by a policy in the request: foreign accounts, `*` for everyone.",
    ),
    text(
        "ct.policy.admin",
        policy::is_admin,
        "Policy Is Admin",
        "`true` when a policy in the request grants an identity every action on every resource, else `false`; not present without a policy. A session policy (AssumeRole) grants nothing by itself.",
    ),
    spec(
        "ct.ingress.public",
        Get::FlagOf(ingress::is_public),
        "Ingress Is Public",
        "`true` when the request opens a port, or the port in the argument as in `ct.ingress.public[22]`, to the world, `false` when it opens others or only to some.",
    ),
    texts(
        "ct.ingress.ports",
        ingress::ports,
        "Ingress Ports",
        "The ports that the request opens to the world: `22`, `8000-8100`, `all`.",
    ),
    text(
        "ct.share.public",
        sharing::is_public,
        "Share Is Public",
        "`true` when the request shares something with everyone, `false` when only with foreign accounts.",
    ),
    texts(
        "ct.share.accounts",
        sharing::accounts,
        "Share Accounts",
        "Whom the request shares something with: foreign accounts, `*` for everyone.",
    ),
    // Insight events.
    path(
        "ct.insight.type",
        &["insightDetails", "insightType"],
        "Insight Type",
        "The type of the insight, such as `ApiCallRateInsight`.",
    ),
    path(
        "ct.insight.state",
        &["insightDetails", "state"],
        "Insight State",
        "Whether the unusual activity starts or ends: `Start` or `End`.",
    ),
    path(
        "ct.insight.eventname",
        &["insightDetails", "eventName"],
        "Insight Event Name",
        "The API call whose activity is unusual.",
    ),
    path(
        "ct.insight.eventsource",
        &["insightDetails", "eventSource"],
        "Insight Event Source",
        "The service whose activity is unusual.",
    ),
    path(
        "ct.insight.baseline",
        &["insightDetails", "insightContext", "statistics", "baseline", "average"],
        "Insight Baseline",
        "The usual calls or errors a minute.",
    ),
    path(
        "ct.insight.average",
        &["insightDetails", "insightContext", "statistics", "insight", "average"],
        "Insight Average",
        "The calls or errors a minute during the unusual activity.",
    ),
    // Services.
    path("s3.bucket", &["requestParameters", "bucketName"], "Bucket Name", "The bucket's name.")
        .with(&["conversation"]),
    path("s3.key", &["requestParameters", "key"], "Key Name", "The object's key."),
    text("s3.uri", service::s3_uri, "Key URI", "The object's address: `s3://BUCKET/KEY`.").with(&["conversation"]),
    number("s3.bytes", service::s3_bytes, "Total Bytes", "The bytes that were uploaded and downloaded."),
    number("s3.bytes.in", service::s3_bytes_in, "Bytes In", "The bytes that were uploaded.").with(&["hidden"]),
    number("s3.bytes.out", service::s3_bytes_out, "Bytes Out", "The bytes that were downloaded.").with(&["hidden"]),
    number("s3.cnt.get", service::s3_gets, "N Get Ops", "1 for a GetObject event, else 0.").with(&["hidden"]),
    number("s3.cnt.put", service::s3_puts, "N Put Ops", "1 for a PutObject event, else 0.").with(&["hidden"]),
    number("s3.cnt.other", service::s3_others, "N Other Ops", "0 for a GetObject or PutObject event, else 1.")
        .with(&["hidden"]),
    number(
        "s3.expirydays",
        service::expiry_days,
        "Expiry Days",
        "The fewest days after which a lifecycle rule in the request lets objects or their old versions expire; a date counts as the days until then.",
    ),
    text(
        "ec2.name",
        service::instance_name,
        "Instance Name",
        "The name that instances are tagged with when they are started.",
    ),
    list(
        "ec2.imageids",
        service::image_ids,
        "Image IDs",
        "The images of the instances that were started or asked for.",
    ),
    text(
        "ec2.imageid",
        service::first_image_id,
        "Image ID",
        "The first of the images; deprecated, use `ec2.imageids[0]`.",
    ),
    text(
        "ec2.instancetype",
        service::instance_type,
        "Instance Type",
        "The type of the instances that were asked for or started.",
    ),
    number(
        "ec2.instancecount",
        service::instance_count,
        "Instance Count",
        "How many instances the request asks for at most.",
    ),
    path(
        "ecr.repository",
        &["requestParameters", "repositoryName"],
        "ECR Repository Name",
        "The repository's name in the request.",
    ),
    path("ecr.imagetag", &["requestParameters", "imageTag"], "Image Tag", "The image's tag in the request."),
    path("iam.role", &["requestParameters", "roleName"], "IAM Role", "The role's name in the request."),
    path("iam.policy", &["requestParameters", "policyName"], "IAM Policy", "The policy's name in the request."),
];

type Names = &'static [&'static str];

const fn spec(name: &'static str, get: Get, display: &'static str, desc: &'static str) -> FieldSpec {
    FieldSpec { name, display, desc, properties: &[], get }
}

const fn path(name: &'static str, path: Names, display: &'static str, desc: &'static str) -> FieldSpec {
    spec(name, Get::Path(path), display, desc)
}

const fn first(name: &'static str, paths: &'static [Names], display: &'static str, desc: &'static str) -> FieldSpec {
    spec(name, Get::FirstOf(paths), display, desc)
}

const fn inside(name: &'static str, path: Names, display: &'static str, desc: &'static str) -> FieldSpec {
    spec(name, Get::Inside(path), display, desc)
}

const fn text(name: &'static str, text: TextFn, display: &'static str, desc: &'static str) -> FieldSpec {
    spec(name, Get::Text(text), display, desc)
}

const fn number(
    name: &'static str,
    number: fn(jsontext::Value<'_>) -> Option<u64>,
    display: &'static str,
    desc: &'static str,
) -> FieldSpec {
    spec(name, Get::Number(number), display, desc)
}

const fn list(
    name: &'static str,
    list: for<'a> fn(jsontext::Value<'a>, Option<u64>) -> List<jsontext::Value<'a>>,
    display: &'static str,
    desc: &'static str,
) -> FieldSpec {
    spec(name, Get::List(list), display, desc)
}

const fn texts(
    name: &'static str,
    list: fn(jsontext::Value<'_>) -> Vec<String>,
    display: &'static str,
    desc: &'static str,
) -> FieldSpec {
    spec(name, Get::Texts(list), display, desc)
}

impl FieldSpec {
    /// Adds hints for interfaces.
    const fn with(mut self, properties: Names) -> Self {
        self.properties = properties;
        self
    }
}
