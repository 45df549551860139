//! What the Condition of a statement leaves of the people that its Principal names.
//!
//! Only what holds for sure is weighed: an operator that must match (`StringEquals`, `StringEqualsIgnoreCase`,
//! `StringLike`, `ArnEquals`, `ArnLike`, `IpAddress`, and `Bool` with `true`, each with `ForAnyValue:` or without). Negated
//! operators, `…IfExists`, `Null` and `ForAllValues:` also match requests that lack the key, so they limit nobody.
//!
//! - Keys that limit: [`LIMITING`], when every value is fixed, and the caller's network, when every block is small.
//! - Keys whose values name accounts: [`NAMING`]. Everyone becomes those accounts, or nobody when they are all the own.
//! - All others, such as `sts:ExternalId`, `aws:SecureTransport`, `aws:VpcSourceIp`, `kms:ViaService`,
//!   `aws:MultiFactorAuthPresent` and `aws:username`, do not limit: whoever is outside can bring what they ask for.
//!
//! An organization, a network, a unique ID or a bucket that is named is taken for one's own: nothing in the event tells that
//! it is somebody else's. Letter case does not matter in operators and keys.

use super::accounts::{self, EVERYONE, Outsiders};
use super::pattern::{WILD, beginning, is_everything, is_one_of};
use super::provider;
use super::{member, network, texts};
use jsontext::Value;

/// Keys that limit when every value is fixed: organizations, networks, single users, services of AWS.
const LIMITING: &[&str] = &[
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:userid",
    "aws:PrincipalServiceName",
];

/// The caller's address. `aws:VpcSourceIp` does not limit: every VPC of every account has the private addresses.
const ADDRESS: &str = "aws:SourceIp";

/// Keys whose values name accounts, as IDs or in ARNs.
const NAMING: &[&str] = &[
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOwner",
    "aws:SourceVpcArn",
    "aws:SourceInstanceARN",
    "ec2:SourceInstanceARN",
    "aws:VpceAccount",
    "kms:CallerAccount",
    "s3:DataAccessPointAccount",
    "s3:DataAccessPointArn",
];

/// Keys that limit when they must be `true`: only AWS itself, only who is in the network of a mount target.
const FLAGS: &[&str] = &["aws:PrincipalIsAWSService", "elasticfilesystem:AccessedViaMountTarget"];

/// An operator of a condition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operator {
    test: Test,
    /// It matches only requests that have the key.
    must_match: bool,
}

/// How an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// As a whole: text, or an address with blocks.
    Whole,
    /// By a pattern whose wildcards match any text.
    Like,
    /// By a pattern for each part of an ARN.
    Arn,
    Flag,
    Other,
}

impl Operator {
    /// Reads an operator's name.
    pub fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let (for_all, name) = match name.strip_prefix("forallvalues:") {
            Some(rest) => (true, rest),
            None => (false, name.strip_prefix("foranyvalue:").unwrap_or(&name)),
        };
        let plain = name.strip_suffix("ifexists");
        let test = match plain.unwrap_or(name) {
            "stringequals" | "stringequalsignorecase" | "ipaddress" => Test::Whole,
            "stringlike" => Test::Like,
            "arnequals" | "arnlike" => Test::Arn,
            "bool" => Test::Flag,
            _ => Test::Other,
        };
        Self { test, must_match: !for_all && plain.is_none() }
    }
}

/// Returns every key of a statement's Condition under its operator, with the key's values.
fn conditions<'a>(statement: Value<'a>) -> impl Iterator<Item = (Operator, String, Value<'a>)> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    member(statement, "Condition").into_iter().flat_map(|it| it.members()).flat_map(move |keys| {
        // A long name of an operator with many keys is read once.
        let operator = Operator::named(&text(&keys.name()));
        keys.members().map(move |values| (operator, text(&values.name()), values))
    })
}

/// Returns whether a statement has a condition that does not match everything.
pub(super) fn is_conditional(statement: Value<'_>) -> bool {
    conditions(statement).any(|(operator, _, values)| {
        let is_pattern = matches!(operator.test, Test::Like | Test::Arn);
        !is_pattern || !texts(Some(values)).any(|value| is_everything(&value))
    })
}

/// Returns whether there are values and all of them are so.
fn all_of(values: Value<'_>, holds: impl Fn(&str) -> bool) -> bool {
    let mut values = texts(Some(values)).peekable();
    values.peek().is_some() && values.all(|value| holds(&value))
}

/// What conditions leave of everyone.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Not everyone meets the conditions.
    closed: bool,
    /// Only the own account meets the conditions.
    own: bool,
    /// The foreign accounts that meet the conditions, as the first condition that names some has them.
    accounts: Vec<String>,
    /// The shared identity providers of which only one owner's users meet the conditions.
    owned: Vec<&'static str>,
}

impl Limits {
    /// Weighs all conditions of a statement.
    pub fn of(statement: Value<'_>, found: &Outsiders) -> Self {
        let mut limits = Self::default();
        for (operator, key, values) in conditions(statement) {
            limits.weigh(operator, &key, values, found);
        }
        limits
    }

    /// Weighs one more condition.
    pub fn weigh(&mut self, operator: Operator, key: &str, values: Value<'_>, found: &Outsiders) {
        match operator.test {
            _ if !operator.must_match => {}
            Test::Other => {}
            Test::Flag => {
                let is_true = |value: &str| value.eq_ignore_ascii_case("true");
                self.closed |= is_one_of(key, FLAGS) && all_of(values, is_true);
            }
            test => {
                self.closed |= is_one_of(key, LIMITING) && all_of(values, is_fixed);
                let is_small = |block: &str| network::is_wide(block) == Some(false);
                self.closed |= key.eq_ignore_ascii_case(ADDRESS) && all_of(values, is_small);
                if is_one_of(key, NAMING) && all_of(values, |value| who(value, test) != Who::Anyone) {
                    self.name(test, values, found);
                }
                self.own_provider(key, values);
            }
        }
    }

    fn name(&mut self, test: Test, values: Value<'_>, found: &Outsiders) {
        let mut outside = Vec::new();
        let mut all_own = true;
        for value in texts(Some(values)) {
            match who(&value, test) {
                Who::Account(account) if !found.is_own(account) => outside.push(account.to_owned()),
                Who::Account(_) | Who::Own => {}
                Who::Anyone | Who::Unknown => all_own = false,
            }
        }
        if outside.is_empty() {
            self.own |= all_own;
            self.closed = true;
        } else if self.accounts.is_empty() {
            self.accounts = outside;
        }
    }

    fn own_provider(&mut self, key: &str, values: Value<'_>) {
        if let Some((host, claim)) = key.split_once(':')
            && let Some(provider) = provider::shared(host)
            && is_one_of(claim, provider.claims)
            && !self.owned.contains(&provider.host)
            && all_of(values, |value| provider.is_one_owner(claim, value))
        {
            self.owned.push(provider.host);
        }
    }

    /// Returns whether nobody but the own account meets the conditions, not even an account that is named.
    pub fn leave_nobody(&self) -> bool {
        self.own
    }

    /// Returns whether everyone gets in through one of these identity providers.
    pub fn let_everyone_sign_in(&self, providers: Option<Value<'_>>) -> bool {
        texts(providers).any(|name| {
            let host = name.split_once(":oidc-provider/").map_or(&*name, |(_, host)| host);
            provider::shared(host).is_some_and(|provider| !self.owned.contains(&provider.host))
        })
    }

    /// Adds what is left of everyone: [`EVERYONE`], the foreign accounts that conditions name, or nobody.
    pub fn admit_everyone(&self, found: &mut Outsiders) {
        self.admit_services(found);
        if !self.closed && self.accounts.is_empty() {
            found.add(EVERYONE);
        }
    }

    /// Adds those for whom services of AWS may act: the foreign accounts that conditions name.
    pub fn admit_services(&self, found: &mut Outsiders) {
        if !self.own {
            self.accounts.iter().for_each(|account| found.add(account));
        }
    }
}

/// Returns whether a value stands for one thing or a few: wildcards have enough text in front of them.
fn is_fixed(value: &str) -> bool {
    // Shorter beginnings, such as `o-` and `vpce-`, are those of every value.
    const ENOUGH: usize = 8;
    let fixed = beginning(value);
    is_own_by_variable(value) || !value.is_empty() && (fixed == value || fixed.len() >= ENOUGH)
}

/// Returns whether a value is a variable that stands for the resource's own account or organization.
fn is_own_by_variable(value: &str) -> bool {
    is_one_of(value, &["${aws:ResourceAccount}", "${aws:ResourceOrgID}"])
}

/// Whom a value of one of the [`NAMING`] keys lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who<'a> {
    Anyone,
    Account(&'a str),
    Own,
    /// One account that is not told, such as the bucket's.
    Unknown,
}

fn who(value: &str, test: Test) -> Who<'_> {
    if is_own_by_variable(value) {
        return Who::Own;
    }
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let account = match parts[..] {
        _ if value.contains("${") => return Who::Anyone,
        // Where parts are not compared with parts, the wildcard may stand for somebody else's account.
        ["arn", partition, service, ..] if test != Test::Arn && format!("{partition}{service}").contains(WILD) => {
            return Who::Anyone;
        }
        // A bucket's name is unique in the world, so its ARN has no account.
        ["arn", partition, "s3", _, account @ ("" | "*"), bucket]
            if !partition.contains(WILD) && is_fixed(bucket) && (account.is_empty() || !bucket.contains('/')) =>
        {
            return Who::Unknown;
        }
        ["arn", _, _, _, account, _] => account,
        _ => value,
    };
    match accounts::named(account) {
        Some(account) => Who::Account(account),
        None if account.is_empty() || account.contains(WILD) => Who::Anyone,
        None => Who::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::let_in;

    fn everyone_under(condition: &str) -> String {
        let_in(&format!(r#""Principal":"*","Condition":{condition}"#))
    }

    #[test]
    fn operators_that_must_match_limit() {
        for (operator, is_limit) in [
            ("StringEquals", true),
            ("stringequals", true),
            ("StringEqualsIgnoreCase", true),
            ("StringLike", true),
            ("ArnEquals", true),
            ("ArnLike", true),
            ("ForAnyValue:StringEquals", true),
            ("foranyvalue:StringLike", true),
            ("StringEqualsIfExists", false),
            ("ForAllValues:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("StringNotEquals", false),
            ("StringNotLike", false),
            ("ArnNotLike", false),
            ("Null", false),
            ("ForAllValues:StringEqualsIfExists", false),
            ("Bool", false),
            ("NumericEquals", false),
        ] {
            let condition = format!(r#"{{"{operator}":{{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}}"#);
            assert_eq!(everyone_under(&condition), if is_limit { "<NA>" } else { "*" }, "{operator}");
        }
    }

    #[test]
    fn keys_limit_when_no_value_stands_for_all() {
        for (condition, accounts) in [
            (r#"{"StringLike":{"AWS:PRINCIPALORGID":["o-a1b2c3d4e5"]}}"#, "<NA>"),
            (r#"{"StringLike":{"aws:PrincipalOrgID":"*"}}"#, "*"),
            (r#"{"StringLike":{"aws:PrincipalOrgID":"o-*"}}"#, "*"),
            (r#"{"StringLike":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","o-?*"]}}"#, "*"),
            (r#"{"StringEquals":{"aws:PrincipalOrgID":[]}}"#, "*"),
            (r#"{"StringEquals":{"aws:PrincipalOrgID":[null]}}"#, "*"),
            (r#"{"StringEquals":{"aws:PrincipalOrgID":""}}"#, "*"),
            (r#"{"StringEquals":{"aws:PrincipalOrgID":"${aws:PrincipalOrgID}"}}"#, "*"),
            (r#"{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}"#, "<NA>"),
            (r#"{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/*"}}"#, "<NA>"),
            (r#"{"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}}"#, "<NA>"),
            (r#"{"StringLike":{"aws:SourceOrgPaths":"o-a1b2c3d4e5/*"}}"#, "<NA>"),
            (r#"{"StringEquals":{"aws:SourceVpc":"vpc-1"}}"#, "<NA>"),
            (r#"{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#, "*"),
            (r#"{"StringEquals":{"aws:SourceVpce":["vpce-1","vpce-2"]}}"#, "<NA>"),
            (r#"{"StringLike":{"aws:userid":"AROAIOSFODNN7EXAMPLE:*"}}"#, "<NA>"),
            (r#"{"StringLike":{"aws:userid":"*:admin"}}"#, "*"),
            // Everyone can name a user so, or bring these.
            (r#"{"StringEquals":{"aws:username":"admin"}}"#, "*"),
            (r#"{"StringEquals":{"aws:PrincipalTag/team":"a"}}"#, "*"),
            (r#"{"StringEquals":{"sts:ExternalId":"secret"}}"#, "*"),
            (r#"{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}"#, "*"),
            (r#"{"Bool":{"aws:SecureTransport":"true","aws:MultiFactorAuthPresent":"true"}}"#, "*"),
            (r#"{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}"#, "*"),
            (r#"{"StringEquals":{"aws:VpceOrgID":"o-a1b2c3d4e5"}}"#, "<NA>"),
            (r#"{"ForAnyValue:StringLike":{"aws:VpceOrgPaths":["o-a1b2c3d4e5/*"]}}"#, "<NA>"),
            (r#"{"StringEquals":{"aws:PrincipalServiceName":"cloudtrail.amazonaws.com"}}"#, "<NA>"),
            (r#"{"StringEqualsIfExists":{"aws:PrincipalServiceName":"cloudtrail.amazonaws.com"}}"#, "*"),
            (r#"{"Bool":{"aws:PrincipalIsAWSService":"true"}}"#, "<NA>"),
            (r#"{"Bool":{"aws:PrincipalIsAWSService":false}}"#, "*"),
            (r#"{"Bool":{"elasticfilesystem:AccessedViaMountTarget":true}}"#, "<NA>"),
            (r#"{"BoolIfExists":{"elasticfilesystem:AccessedViaMountTarget":true}}"#, "*"),
            // All conditions must be met, so one that limits is enough.
            (r#"{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"a:b":"c","aws:SourceVpc":"vpc-1"}}"#, "<NA>"),
            ("{}", "*"),
            ("null", "*"),
            (r#"[{"StringEquals":{"aws:SourceVpc":"vpc-1"}}]"#, "*"),
            (r#"{"StringEquals":"aws:SourceVpc"}"#, "*"),
        ] {
            assert_eq!(everyone_under(condition), accounts, "{condition}");
        }
    }

    #[test]
    fn addresses_limit_when_every_block_is_small() {
        for (blocks, is_limit) in [
            (r#""203.0.113.7""#, true),
            (r#"["203.0.113.0/24","2001:db8::/32"]"#, true),
            (r#""10.0.0.0/8""#, true),
            (r#""0.0.0.0/0""#, false),
            (r#"["0.0.0.0/1","128.0.0.0/1"]"#, false),
            (r#"["203.0.113.0/24","::/0"]"#, false),
            (r#""2000::/15""#, false),
            (r#""2000::/16""#, true),
            (r#""*""#, false),
            (r#""anything""#, false),
            ("[]", false),
        ] {
            let condition = format!(r#"{{"IpAddress":{{"aws:SourceIp":{blocks}}}}}"#);
            assert_eq!(everyone_under(&condition), if is_limit { "<NA>" } else { "*" }, "{condition}");
        }
        assert_eq!(everyone_under(r#"{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#), "*");
    }

    #[test]
    fn accounts_that_conditions_name_take_the_place_of_everyone() {
        for (key, value, accounts) in [
            ("aws:PrincipalAccount", r#""111122223333""#, "<NA>"),
            ("aws:PrincipalAccount", r#"["111122223333","444455556666"]"#, "444455556666"),
            ("aws:PrincipalAccount", "444455556666", "444455556666"),
            ("aws:PrincipalAccount", r#""${aws:ResourceAccount}""#, "<NA>"),
            ("aws:PrincipalAccount", r#""${aws:PrincipalAccount}""#, "*"),
            ("AWS:SourceOwner", r#""111122223333""#, "<NA>"),
            ("kms:CallerAccount", r#""444455556666""#, "444455556666"),
            ("s3:DataAccessPointAccount", r#""111122223333""#, "<NA>"),
            ("aws:PrincipalArn", r#""arn:aws:iam::444455556666:role/*""#, "444455556666"),
            ("aws:PrincipalArn", r#""arn:aws:iam::*:role/admin""#, "*"),
            ("aws:PrincipalArn", r#""arn:aws:iam::44445555666?:role/admin""#, "*"),
            ("aws:PrincipalArn", r#""arn:aws:iam::111122223333:role/a""#, "<NA>"),
            ("aws:PrincipalArn", r#"["arn:aws:iam::111122223333:role/a","*"]"#, "*"),
            ("aws:PrincipalArn", r#""arn:aws:*""#, "*"),
            ("aws:SourceArn", r#""arn:aws:s3:::bucket""#, "<NA>"),
            ("aws:SourceArn", r#""arn:aws:s3:*:*:bucket""#, "<NA>"),
            ("aws:SourceArn", r#""arn:aws:s3:::*""#, "*"),
            ("aws:SourceArn", r#""arn:aws:sns:*:444455556666:*""#, "444455556666"),
            ("aws:SourceArn", r#""arn:aws:sns:*:*:topic""#, "*"),
            ("aws:SourceAccount", "[]", "*"),
            ("aws:SourceAccount", r#""""#, "*"),
            ("aws:VpceAccount", r#""444455556666""#, "444455556666"),
            ("aws:VpceAccount", r#""111122223333""#, "<NA>"),
            ("aws:SourceVpcArn", r#""arn:aws:ec2:*:111122223333:vpc/*""#, "<NA>"),
            ("aws:SourceInstanceArn", r#""arn:aws:ec2:x:444455556666:instance/i-1""#, "444455556666"),
            ("ec2:SourceInstanceArn", r#""arn:aws:ec2:*:*:instance/i-1""#, "*"),
            ("s3:DataAccessPointArn", r#""arn:aws:s3:x:111122223333:accesspoint/*""#, "<NA>"),
            ("s3:DataAccessPointArn", r#""arn:aws:s3:x:444455556666:accesspoint/a""#, "444455556666"),
            ("s3:DataAccessPointArn", r#""arn:aws:s3:*:*:accesspoint/mine""#, "*"),
        ] {
            let condition = format!(r#"{{"StringLike":{{"{key}":{value}}}}}"#);
            assert_eq!(everyone_under(&condition), accounts, "{condition}");
        }
        let own_and = |other: &str| {
            format!(
                r#"{{"ArnLike":{{"aws:SourceArn":"{other}"}},"StringEquals":{{"aws:SourceAccount":"111122223333"}}}}"#
            )
        };
        assert_eq!(everyone_under(&own_and("arn:aws:sns:*:*:topic")), "<NA>");
        assert_eq!(everyone_under(&own_and("arn:aws:sns:x:444455556666:topic")), "<NA>");
    }

    #[test]
    fn a_pattern_limits_when_no_wildcard_can_stand_for_another_account() {
        for (pattern, like, arn_like) in [
            ("arn:aws:s3:::bucket", "<NA>", "<NA>"),
            ("arn:aws:s3:::my-bucket*", "<NA>", "<NA>"),
            ("arn:aws:s3:::my-buck*", "*", "*"),
            ("arn:aws:s3:*:*:bucket", "<NA>", "<NA>"),
            ("arn:aws:s3:*:*:job/12345678", "*", "*"),
            ("arn:aws*:s3:::bucket", "*", "*"),
            ("arn:aws:s?:::bucket", "*", "*"),
            ("arn:aws:route53:::hostedzone/Z1", "*", "*"),
            ("arn:aws:iam::111122223333:role/a", "<NA>", "<NA>"),
            // A path may hold colons, so the wildcard may stand for another account and a role's path.
            ("arn:aws*:iam::111122223333:role/a", "*", "<NA>"),
            ("arn:aws:*:x:444455556666:a", "*", "444455556666"),
            ("arn:*:iam::44445555*:role/a", "*", "*"),
            ("arn:*:111122223333:role/a", "*", "*"),
            ("*:111122223333:role/a", "*", "*"),
        ] {
            for (operator, accounts) in [("StringLike", like), ("ArnLike", arn_like), ("ArnEquals", arn_like)] {
                let condition = format!(r#"{{"{operator}":{{"aws:PrincipalArn":"{pattern}"}}}}"#);
                assert_eq!(everyone_under(&condition), accounts, "{condition}");
            }
        }
    }

    #[test]
    fn an_account_that_is_named_counts_unless_only_the_own_one_may() {
        let foreign =
            |condition: &str| let_in(&format!(r#""Principal":{{"AWS":"444455556666"}},"Condition":{condition}"#));
        assert_eq!(foreign(r#"{"StringEquals":{"sts:ExternalId":"x"}}"#), "444455556666");
        assert_eq!(foreign(r#"{"IpAddress":{"aws:SourceIp":"203.0.113.7"}}"#), "444455556666");
        assert_eq!(foreign(r#"{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#), "444455556666");
        assert_eq!(foreign(r#"{"StringEquals":{"aws:PrincipalAccount":"777788889999"}}"#), "444455556666");
        assert_eq!(foreign(r#"{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#), "<NA>");
        let by_condition = r#"{"IpAddress":{"aws:SourceIp":"203.0.113.7"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/x"}}"#;
        assert_eq!(everyone_under(by_condition), "444455556666");
        let twice =
            r#""Principal":{"AWS":["*","*"]},"Condition":{"StringEquals":{"aws:PrincipalAccount":"444455556666"}}"#;
        assert_eq!(let_in(twice), "444455556666");
    }

    #[test]
    fn a_bucket_does_not_hide_the_account_that_is_named_beside_it() {
        let under = |account: &str| {
            everyone_under(&format!(
                r#"{{"ArnLike":{{"aws:SourceArn":"arn:aws:s3:::bucket"}},"StringEquals":{{"aws:SourceAccount":"{account}"}}}}"#
            ))
        };
        assert_eq!(under("444455556666"), "444455556666");
        assert_eq!(under("111122223333"), "<NA>");
    }

    #[test]
    fn a_hostile_condition_costs_no_more_than_its_length() {
        let operator = "x".repeat(1 << 20);
        let keys: Vec<_> = (0..100_000).map(|number| format!(r#""{number}":1"#)).collect();
        let keys = keys.join(",");
        let providers = vec![r#""gitlab.com","accounts.google.com""#; 100_000].join(",");
        let members = format!(
            r#""Principal":{{"Federated":[{providers}]}},"Condition":{{"{operator}":{{{keys}}},"StringLike":{{{keys}}},
                "StringEquals":{{"gitlab.com:project_id":"1","accounts.google.com:sub":"1"}}}}"#
        );
        assert_eq!(let_in(&members), "<NA>");
    }
}
