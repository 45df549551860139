//! Every field of the contract, written as in a Falco rule, with its type. What the fields give is
//! in the files beside this one.

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    U64,
    /// An `ipaddr`; the oracle gives its canonical text.
    Ip,
    /// An `ipnet`; the oracle gives the canonical text of the address. The host prints `<IPNET>`.
    Net,
    /// A list of strings, or with an index one of them as a list of one.
    List,
}

/// A field as it stands in a rule or an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldCase {
    /// With its argument: `ct.value[/userIdentity/arn]`.
    pub text: &'static str,
    pub kind: Kind,
}

impl FieldCase {
    /// Returns the name without the argument: `ct.value`.
    pub fn name(&self) -> &'static str {
        super::split(self.text).0
    }

    /// Returns the argument between the brackets.
    pub fn arg(&self) -> Option<&'static str> {
        super::split(self.text).1
    }
}

/// Returns every field of the contract; the fields that take an argument come with several.
pub fn fields() -> Vec<FieldCase> {
    let groups = [(Kind::Text, TEXT), (Kind::U64, U64), (Kind::List, LIST)];
    let mut all: Vec<FieldCase> =
        groups.iter().flat_map(|(kind, group)| group.iter().map(|text| FieldCase { text, kind: *kind })).collect();
    all.push(FieldCase { text: "ct.srcip.ip", kind: Kind::Ip });
    all.push(FieldCase { text: "ct.srcip.net", kind: Kind::Net });
    all
}

const TEXT: &[&str] = &[
    "ct.id",
    "ct.error",
    "ct.errormessage",
    "ct.time",
    "ct.src",
    "ct.shortsrc",
    "ct.name",
    "ct.user",
    "ct.originaluser",
    "ct.user.accountid",
    "ct.user.identitytype",
    "ct.user.principalid",
    "ct.user.arn",
    "ct.region",
    "ct.response.subnetid",
    "ct.response.reservationid",
    "ct.response",
    "ct.request",
    "ct.additionaleventdata",
    "ct.request.availabilityzone",
    "ct.request.cluster",
    "ct.request.functionname",
    "ct.request.groupname",
    "ct.request.host",
    "ct.request.name",
    "ct.request.policy",
    "ct.request.reason",
    "ct.request.target",
    "ct.request.documentname",
    "ct.request.serialnumber",
    "ct.request.servicename",
    "ct.request.subnetid",
    "ct.request.taskdefinition",
    "ct.request.username",
    "ct.srcip",
    "ct.useragent",
    "ct.info",
    "ct.managementevent",
    "ct.readonly",
    "ct.requestid",
    "ct.eventtype",
    "ct.apiversion",
    "ct.recipientaccountid",
    "ct.serviceeventdetails",
    "ct.sharedeventid",
    "ct.vpcendpointid",
    "ct.eventcategory",
    "ct.edgedevicedetails",
    "ct.resources",
    "ct.addendum.reason",
    "ct.addendum.updatedfields",
    "ct.addendum.originalrequestid",
    "ct.addendum.originaleventid",
    "ct.sessioncredentialfromconsole",
    "ct.tlsdetails.tlsversion",
    "ct.tlsdetails.ciphersuite",
    "ct.tlsdetails.clientprovidedhostheader",
    "s3.bucket",
    "s3.key",
    "s3.uri",
    "ec2.name",
    "ec2.imageid",
    "ecr.repository",
    "ecr.imagetag",
    "iam.role",
    "iam.policy",
    "evt.plugininfo",
    "ct.value[/userIdentity/arn]",
    "ct.value[/userIdentity/sessionContext]",
    "ct.value[/eventName]",
    "ct.value[/errorCode]",
    "ct.value[/managementEvent]",
    "ct.value[/resources/0/ARN]",
    "ct.value[/resources/1]",
    "ct.value[/resources/01]",
    "ct.value[/resources/-]",
    "ct.value[/requestParameters/policyDocument]",
    "ct.value[/requestParameters/policyDocument/Statement]",
    "ct.value[/requestParameters/tags/team~1env]",
    "ct.value[/requestParameters/tags/home~0dir]",
    "ct.value[/requestParameters/tags/~01]",
    "ct.value[/requestParameters/tags/*]",
    "ct.value[/requestParameters/tags/aws:createdBy]",
    "ct.value[/requestParameters/tags/]",
    "ct.value[/additionalEventData/bytesTransferredOut]",
    "ct.value[/timeWindow/windowStart]",
    "ct.request[/policyDocument]",
    "ct.request[/policyDocument/Statement/0/Effect]",
    "ct.request[/policyDocument/Statement/0/Action/1]",
    "ct.request[/policyDocument/Statement/0]",
    "ct.request[/bucketPolicy/Statement/0/Principal]",
    "ct.request[/instancesSet/items/0/imageId]",
    "ct.request[/omitted]",
    "ct.request[/encryptionContext/PARAMETER_ARN]",
    "ct.response[/ConsoleLogin]",
    "ct.response[/role/assumeRolePolicyDocument]",
    "ct.response[/role/assumeRolePolicyDocument/Statement/0/Principal/Service]",
    "ct.response[/instancesSet/items/1/instanceId]",
    "ct.additionaleventdata[/MFAUsed]",
    "ct.additionaleventdata[/bytesTransferredIn]",
    "ct.user.accesskeyid",
    "ct.user.issuer.arn",
    "ct.user.issuer.type",
    "ct.user.invokedby",
    "ct.user.sourceidentity",
    "ct.user.sessioncreated",
    "ct.user.mfa",
    "ct.user.crossaccount",
    "ct.console.login",
    "ct.insight.type",
    "ct.insight.state",
    "ct.insight.eventname",
    "ct.insight.eventsource",
    "ct.insight.baseline",
    "ct.insight.average",
    "ct.policy.public",
    "ct.policy.admin",
    "ct.ingress.public",
    "ct.ingress.public[22]",
    "ct.ingress.public[443]",
    "ct.ingress.public[65535]",
    "ct.share.public",
    "ec2.instancetype",
];

const U64: &[&str] = &[
    "s3.bytes",
    "s3.bytes.in",
    "s3.bytes.out",
    "s3.cnt.get",
    "s3.cnt.put",
    "s3.cnt.other",
    "s3.expirydays",
    "ec2.instancecount",
];

const LIST: &[&str] = &[
    "ec2.imageids",
    "ec2.imageids[0]",
    "ec2.imageids[1]",
    "ec2.imageids[2]",
    "ct.resources.arn",
    "ct.resources.arn[0]",
    "ct.resources.arn[1]",
    "ct.resources.type",
    "ct.resources.type[1]",
    "ct.resources.accountid",
    "ct.resources.accountid[0]",
    "ct.values[/requestParameters/ipPermissions/items/*/ipv6Ranges/items/*/cidrIpv6]",
    "ct.values[/requestParameters/ipPermissions/*/1/*]",
    "ct.values[/requestParameters/*]",
    "ct.values[/resources/*/ARN]",
    "ct.values[/eventName/*]",
    "ct.policy.accounts",
    "ct.policy.accounts[0]",
    "ct.policy.accounts[1]",
    "ct.ingress.ports",
    "ct.ingress.ports[1]",
    "ct.share.accounts",
    "ct.share.accounts[1]",
];
