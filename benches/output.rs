//! The fields of an output with much to say, for the benches that measure many fields.

/// The fields that a rule with much to say prints.
pub const OUTPUT: [&str; 20] = [
    "ct.id",
    "ct.time",
    "ct.name",
    "ct.src",
    "ct.region",
    "ct.srcip",
    "ct.user",
    "ct.user.arn",
    "ct.user.identitytype",
    "ct.user.accountid",
    "ct.user.accesskeyid",
    "ct.useragent",
    "ct.request",
    "ct.response",
    "ct.error",
    "ct.readonly",
    "ct.requestid",
    "ct.eventcategory",
    "ct.value[/tlsDetails/tlsVersion]",
    "ct.info",
];
