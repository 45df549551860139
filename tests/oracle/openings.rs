//! Makes events that open something: every principal under every condition, every rule of a network, every way to
//! share. All of it is the same on every run.

/// Returns the events.
pub fn events() -> Vec<String> {
    let all = [policies(), permissions(), networks(), shares(), requests()];
    all.into_iter().flatten().collect()
}

fn event(name: &str, request: &str) -> String {
    format!(
        r#"{{"eventName":"{name}","eventTime":"2026-02-27T18:30:00Z","recipientAccountId":"111122223333","userIdentity":{{"accountId":"444455556666"}},"requestParameters":{request}}}"#
    )
}

const PRINCIPALS: &[&str] = &[
    r#""Principal":"*""#,
    r#""Principal":{"AWS":["444455556666","*","arn:aws:iam::111122223333:root","444455556666"]}"#,
    r#""principal":{"aws":"arn:aws-us-gov:iam::777788889999:user/x"}"#,
    r#""Principal":{"AWS":["arn:aws:iam::*:root","arn:aws:iam::cloudfront:user/E1","AIDAIOSFODNN7EXAMPLE","arn:x",7,null]}"#,
    r#""Principal":{"Service":"*","CanonicalUser":"abc"}"#,
    r#""Principal":{"Service":["s3.amazonaws.com"],"AWS":["123456789012","config.amazonaws.com"]}"#,
    r#""Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com","AWS":"777788889999"}"#,
    r#""Principal":{"Federated":["accounts.google.com","corp.example.com"]}"#,
    r#""Principal":{"Federated":"graph.facebook.com","Service":"sns.amazonaws.com"}"#,
    r#""Principal":{"Federated":["www.amazon.com","cognito-identity.amazonaws.com"]}"#,
    r#""Principal":{"Federated":"arn:aws:iam::1:oidc-provider/app.terraform.io"}"#,
    r#""Principal":{"Federated":"arn:aws:iam::1:oidc-provider/GitLab.com"}"#,
    r#""NotPrincipal":{"AWS":"777788889999"}"#,
    r#""Principal":null"#,
    r#""Principal":{"AWS":"111122223333"},"principal":"*""#,
];

const OPERATORS: &[&str] = &[
    "StringEquals",
    "foranyvalue:stringlike",
    "ArnLike",
    "IpAddress",
    "Bool",
    "ForAnyValue:Bool",
    "StringEqualsIfExists",
    "ForAllValues:StringLike",
    "StringNotEquals",
];

const CONDITIONS: &[&str] = &[
    r#""aws:PrincipalOrgID":"o-a1b2c3d4e5""#,
    r#""AWS:principalORGid":["o-a1b2c3d4e5","o-*"]"#,
    r#""aws:PrincipalOrgPaths":["o-a1b2c3d4e5/r-1/*"],"aws:username":"x""#,
    r#""aws:SourceVpc":"vpc-*","aws:SourceVpce":[]"#,
    r#""aws:SourceVpce":"vpce-0a1b2c3d""#,
    r#""aws:userid":["AROAIOSFODNN7EXAMPLE:*"]"#,
    r#""aws:userid":"${aws:userid}""#,
    r#""aws:PrincipalOrgID":"${aws:ResourceOrgID}""#,
    r#""aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]"#,
    r#""aws:SourceIp":["203.0.113.0/24","0.0.0.0/1"]"#,
    r#""aws:SourceIp":["::ffff:10.0.0.0/104","::ffff:203.0.113.7"]"#,
    r#""aws:SourceIp":"::ffff:0:0/96""#,
    r#""aws:SourceIp":"2000::/15""#,
    r#""aws:VpcSourceIp":"10.0.0.0/8""#,
    r#""aws:VpceAccount":"111122223333","aws:VpceOrgID":"o-a1b2c3d4e5""#,
    r#""aws:VpceOrgPaths":["o-a1b2c3d4e5/r-1/*"]"#,
    r#""aws:SourceVpcArn":"arn:aws:ec2:x:123456789012:vpc/vpc-1""#,
    r#""aws:SourceInstanceARN":"arn:aws:ec2:*:111122223333:instance/*""#,
    r#""ec2:SourceInstanceArn":["arn:aws:ec2:x:123456789012:instance/i-1","*"]"#,
    r#""aws:PrincipalServiceName":"config.amazonaws.com""#,
    r#""aws:PrincipalServiceName":"*.amazonaws.com""#,
    r#""aws:SourceAccount":"111122223333""#,
    r#""aws:SourceAccount":["777788889999","111122223333","123456789012"]"#,
    r#""aws:SourceArn":"arn:aws:sns:*:123456789012:*","aws:PrincipalOrgID":"o-a1b2c3d4e5""#,
    r#""aws:SourceArn":"arn:aws:s3:::bucket""#,
    r#""aws:SourceArn":"arn:aws:s3:::bucket","aws:SourceAccount":"123456789012""#,
    r#""aws:SourceArn":["arn:aws:s3:::bucket","arn:aws:sns:x:111122223333:t"]"#,
    r#""aws:SourceArn":"arn:aws:s3:::*""#,
    r#""aws:SourceArn":"arn:aws:s3:::my-bucket*""#,
    r#""aws:SourceArn":"arn:aws:s3:::my-buck*""#,
    r#""aws:SourceArn":"arn:aws:s3:*:*:bucket""#,
    r#""aws:SourceArn":"arn:aws:s3:*:*:job/12345678""#,
    r#""aws:SourceArn":"arn:aws*:s3:::bucket""#,
    r#""aws:SourceArn":"arn:aws:*:x:123456789012:a""#,
    r#""aws:SourceArn":"arn:aws:route53:::hostedzone/Z1""#,
    r#""aws:SourceArn":"arn:aws:iam::aws:role/a""#,
    r#""aws:SourceArn":"arn:aws:iam::123456789012""#,
    r#""aws:PrincipalArn":"arn:aws*:iam::111122223333:role/a""#,
    r#""aws:PrincipalArn":"*:111122223333:role/a""#,
    r#""s3:DataAccessPointArn":"arn:aws:s3:x:123456789012:accesspoint/*""#,
    r#""s3:DataAccessPointArn":"arn:aws:s3:*:*:accesspoint/mine""#,
    r#""aws:PrincipalArn":"arn:aws:iam::*:role/admin""#,
    r#""aws:PrincipalArn":["arn:aws:iam::12345678901?:role/admin"]"#,
    r#""aws:PrincipalArn":"arn:aws:*","kms:CallerAccount":"123456789012""#,
    r#""aws:SourceOwner":123456789012"#,
    r#""aws:PrincipalAccount":"${aws:ResourceAccount}""#,
    r#""sts:ExternalId":"x","aws:SecureTransport":"true""#,
    r#""aws:PrincipalIsAWSService":"true""#,
    r#""elasticfilesystem:AccessedViaMountTarget":[true]"#,
    r#""elasticfilesystem:AccessedViaMountTarget":[true,false]"#,
    r#""token.actions.githubusercontent.com:aud":"sts.amazonaws.com""#,
    r#""token.actions.githubusercontent.com:sub":"repo:octo/*""#,
    r#""token.actions.githubusercontent.com:sub":["repo:octo/app:ref","repo:octo*"]"#,
    r#""TOKEN.actions.githubusercontent.com:repository_owner":"octo""#,
    r#""token.actions.githubusercontent.com:sub":"repository_owner:octo:*""#,
    r#""token.actions.githubusercontent.com:sub":"repository_owner:oct*""#,
    r#""token.actions.githubusercontent.com:sub":"repo:/app*""#,
    r#""token.actions.githubusercontent.com:sub":["environment:prod"]"#,
    r#""token.actions.githubusercontent.com:repository":["octo/*"]"#,
    r#""token.actions.githubusercontent.com:job_workflow_ref":"octo/ci/x""#,
    r#""token.actions.githubusercontent.com:repository_visibility":"private""#,
    r#""gitlab.com:namespace_path":"octo""#,
    r#""gitlab.com:project_id":7,"gitlab.com:ref":"main""#,
    r#""gitlab.com:sub":"ref:main""#,
    r#""gitlab.com:sub":"project_path:octo/app:*""#,
    r#""app.terraform.io:sub":"organization:octo:project:*""#,
    r#""app.terraform.io:sub":"organization:octo*""#,
    r#""app.terraform.io:terraform_workspace_id":"ws-1""#,
    r#""app.terraform.io:terraform_workspace_name":"prod""#,
    r#""graph.facebook.com:app_id":"1""#,
    r#""graph.facebook.com:sub":"1""#,
    r#""www.amazon.com:user_id":"amzn1.account.A","cognito-identity.amazonaws.com:aud":"x:1""#,
    r#""www.amazon.com:app_id":"amzn1.a*","cognito-identity.amazonaws.com:sub":"x:*""#,
    r#""accounts.google.com:oaud":"https://example.com""#,
    r#""gitlab.com:sub":"project_path:*""#,
    r#""accounts.google.com:aud":"123.apps""#,
    r#""accounts.google.com:sub":"1*""#,
];

const ADMIN: &[&str] = &[
    r#""Effect":"Allow","Action":"*","Resource":"*""#,
    r#""effect":"Allow","ACTION":["s3:*","*:*"],"Resource":["*"],"Condition":{}"#,
    r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
    r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{},"Bool":{}}"#,
    r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":["x","*"]},"ForAllValues:ArnLikeIfExists":{"a:c":"arn:*"}}"#,
    r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":"*"},"StringNotLike":{"a:b":"*"}}"#,
    r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":"?*"}}"#,
    r#""Effect":"Allow","Action":"*","Resource":"arn:aws:*:*:*:*""#,
    r#""Effect":"Allow","Action":"*","Resource":["arn:*"]"#,
    r#""Effect":"Allow","Action":"*","Resource":"arn:aws-cn:*""#,
    r#""Effect":"Allow","Action":"*","Resource":"arn:aws:::*""#,
    r#""Effect":"Allow","Action":"*","Resource":"arn:aws:iam:*""#,
    r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:*:*:*:*""#,
    r#""Effect":"Allow","NotAction":["s3:*"],"Resource":"*""#,
    r#""Effect":"Allow","NotAction":["IAM:*"],"Resource":"*""#,
    r#""Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::b""#,
    r#""Effect":"Allow","Action":"*","Resource":"*","Principal":"*""#,
    r#""Effect":"Deny","Action":"*","Resource":"*""#,
    r#""Effect":"Allow","Action":"s3:*","Resource":"*""#,
];

/// The names of members that hold a policy.
const NAMES: &[&str] = &[
    "policy",
    "POLICY",
    "bucketPolicy",
    "policyDocument",
    "assumeRolePolicyDocument",
    "policyText",
    "resourcePolicy",
    "accessPolicy",
    "accessPolicies",
    "policyInJson",
    "inlinePolicy",
    "repositoryPolicy",
    "accessPointPolicy",
    "deliveryDestinationPolicy",
    "s3AccessPolicy",
    "resolverRulePolicy",
    "resolverQueryLogConfigPolicy",
    "firewallRuleGroupPolicy",
    "configuredAudienceModelPolicy",
    r"pol\u0069cyD\u006fcument",
];

/// Where policies are: `JSON` is the policy, `TEXT` the policy in a string, `URL` URL-encoded, `QUOTED` in quotes.
const PLACES: &[&str] = &[
    r#"{"policy":"","bucketPolicy":JSON}"#,
    r#"{"policy":[""],"policyDocument":URL}"#,
    r#"{"attributes":{"Policy":TEXT}}"#,
    r#"{"attributeName":"Policy","attributeValue":TEXT}"#,
    r#"{"attributeName":"DeliveryPolicy","attributeValue":TEXT}"#,
    r#"{"CreateVpcEndpointRequest":{"PolicyDocument":TEXT}}"#,
    r#"{"updateRestApiInput":{"patchOperations":[{"path":"/x"},{"path":"/policy","value":TEXT}]}}"#,
    r#"{"patchOperations":[{"path":"/policy","value":QUOTED},{"path":"/name","value":TEXT}]}"#,
    r#"{"policy":{"policy":TEXT}}"#,
    r#"{"PutMultiRegionAccessPointPolicyRequest":{"Details":{"Name":"a","Policy":TEXT}}}"#,
    r#"{"s3AccessPoint":{"policy":JSON}}"#,
    r#"{"policy":{"Id":"no statement"},"resourcePolicy":TEXT}"#,
    r#"{"policyText":TEXT,"principal":"*"}"#,
    r#"{"policy":{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"}}},"policyText":TEXT}"#,
    r#"{"policy":null,"policy":JSON}"#,
    r#"{"policy":TEXT,"policy":{"Statement":{"Effect":"Allow","Principal":"*"}}}"#,
    r#"{"accessPolicies":TEXT,"policyInJson":"{}"}"#,
    r#"{"list":[[{"inlinePolicy":QUOTED}]]}"#,
    r#"{"policies":[JSON,TEXT]}"#,
    r#"{"stackPolicyBody":TEXT}"#,
    r#"{"content":TEXT}"#,
];

/// Every place, and every name with each form of text.
fn places() -> Vec<String> {
    let named = NAMES.iter().flat_map(|name| ["TEXT", "URL", "QUOTED"].map(|form| format!(r#"{{"{name}":{form}}}"#)));
    PLACES.iter().map(|place| (*place).to_owned()).chain(named).collect()
}

/// Puts a policy in a place.
fn placed(place: &str, policy: &str) -> String {
    let text = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let encoded = policy.replace('%', "%25").replace('"', "%22").replace('{', "%7B").replace(' ', "%20");
    let [plain, quoted, encoded] = [text(policy), text(&text(policy)), format!("\"{encoded}\"")];
    place.replace("JSON", policy).replace("TEXT", &plain).replace("URL", &encoded).replace("QUOTED", &quoted)
}

fn policies() -> Vec<String> {
    let mut statements = Vec::new();
    for (number, principal) in PRINCIPALS.iter().enumerate() {
        statements.push(format!(r#"{{"Effect":"Allow",{principal}}}"#));
        statements.push(format!(r#"[{{"Effect":"Deny",{principal}}},"x",{{"Effect":"allow",{principal}}}]"#));
        for (i, operator) in OPERATORS.iter().enumerate() {
            // Everyone meets every operator, the others meet an operator that limits and two more.
            let is_met = |j: usize| number == 0 || i == 1 || (i + j + number).is_multiple_of(4);
            for (j, condition) in CONDITIONS.iter().enumerate() {
                let limited =
                    format!(r#"{{"Effect":"Allow",{principal},"Condition":{{"{operator}":{{{condition}}}}}}}"#);
                statements.extend(is_met(j).then_some(limited));
            }
        }
        for pair in CONDITIONS.windows(2) {
            let both = format!(r#"{{"StringLike":{{{}}},"IpAddress":{{{}}}}}"#, pair[0], pair[1]);
            statements.push(format!(r#"[{{"Effect":"Allow",{principal},"Condition":{both}}}]"#));
        }
    }
    statements.extend(ADMIN.iter().map(|members| format!(r#"[{{"Effect":"Deny"}},{{{members}}}]"#)));
    statements.extend(["null", "[]", "{}", "7", "[[]]"].map(str::to_owned));
    statements.extend(
        [
            r#"{"Statement":{"Sid":"a\u0000b"},"Effect":"Allow","Principal":"*"}"#,
            r#"{"Effect":"Allow","Sid":"a\u0000b","Principal":"*"}"#,
            r#"{"Effect":"Allow","Principal":"*\u0000"}"#,
            r#"{"Effect":"Allow","Princip\u0061l":"\u002a"}"#,
            r#"{"Effect":"Allow","Principal":{"Service":"x"},"Principal":"*"}"#,
            r#"[{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}},{"Effect":"Allow","Principal":{"AWS":"123456789012"}}]"#,
            r#"[{"Effect":"Allow","Principal":{"AWS":"111122223333"}},{"Effect":"Allow","Action":"*","Resource":"*"}]"#,
        ]
        .map(str::to_owned),
    );
    let policies = statements.iter().map(|statement| format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#));
    let places = places();
    let mut events: Vec<String> = policies
        .zip(places.iter().cycle())
        .map(|(policy, place)| event("PutPolicy", &placed(place, &policy)))
        .collect();
    // Every place with a policy that opens something.
    let open = r#"{"Statement":[{"Effect":"Allow","Principal":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    for name in ["PutResourcePolicy", "CreatePolicy"] {
        events.extend(places.iter().map(|place| event(name, &placed(place, open))));
    }
    let nul = r#"{"policy":"{\u0000\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\"}}"}"#;
    events.push(event("PutPolicy", nul));
    events
}

fn permissions() -> Vec<String> {
    let mut events = Vec::new();
    for name in ["AddPermission", "AddPermission20150331v2", "PutPermission", "RemovePermission"] {
        for whom in [
            r#""principal":"*""#,
            r#""principal":"arn:aws:iam::777788889999:root""#,
            r#""principal":"s3.amazonaws.com""#,
            r#""principal":"AIDAIOSFODNN7EXAMPLE""#,
            r#""aWSAccountIds":["777788889999","111122223333","*"]"#,
            r#""AWSAccountId":"777788889999""#,
            r#""label":"x""#,
        ] {
            for limit in [
                r#""x":1"#,
                r#""sourceArn":"arn:aws:sns:x:123456789012:t""#,
                r#""sourceArn":"arn:aws:s3:::b""#,
                r#""sourceArn":"arn:aws:s3:::b","sourceAccount":"123456789012""#,
                r#""sourceAccount":"111122223333""#,
                r#""principalOrgID":"o-a1b2c3d4e5""#,
                r#""condition":{"type":"StringEquals","key":"aws:PrincipalOrgID","value":"o-a1b2c3d4e5"}"#,
                r#""condition":{"type":"StringNotEquals","key":"aws:PrincipalOrgID","value":"o-a1b2c3d4e5"}"#,
            ] {
                events.push(event(name, &format!("{{{whom},{limit}}}")));
            }
        }
    }
    events
}

fn networks() -> Vec<String> {
    let mut events = Vec::new();
    for protocol in [r#""tcp""#, r#""UDP""#, r#""-1""#, "6", r#""icmp""#, r#""50""#, "null"] {
        for (from, to) in
            [("22", "22"), (r#""20""#, r#""23""#), ("0", "65535"), ("-1", "-1"), ("9", "null"), ("5", "4")]
        {
            for block in [
                "0.0.0.0/0",
                "128.0.0.0/1",
                "10.0.0.0/8",
                "::/0",
                "2001::/16",
                "::ffff:0:0/96",
                "::ffff:10.0.0.0/104",
                "203.0.113.7",
                "x",
            ] {
                let rule = |names: [&str; 4]| {
                    format!(
                        r#""{}":{protocol},"{}":{from},"{}":{to},"{}":"{block}""#,
                        names[0], names[1], names[2], names[3]
                    )
                };
                let flat = rule(["ipProtocol", "fromPort", "toPort", "cidrIp"]);
                events.push(event("AuthorizeSecurityGroupIngress", &format!(r#"{{"ipPermissions":{{}},{flat}}}"#)));
                let listed = format!(
                    r#"{{"ipPermissions":{{"items":[{{"ipProtocol":{protocol},"fromPort":{from},"toPort":{to},"ipRanges":{{"items":[{{"cidrIp":"10.0.0.0/8"}}]}},"ipv6Ranges":{{"items":[{{"cidrIpv6":"{block}"}}]}}}},{{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{{}}}}]}}}}"#
                );
                events.push(event("AuthorizeSecurityGroupIngress", &listed));
                let modified = rule(["IpProtocol", "FromPort", "ToPort", "CidrIpv4"]);
                let one = format!(r#"{{"SecurityGroupRule":{{{modified}}}}}"#);
                let several = if from == "22" { format!("[{one},{one},{{}}]") } else { one };
                let request = format!(r#"{{"ModifySecurityGroupRulesRequest":{{"SecurityGroupRule":{several}}}}}"#);
                events.push(event("ModifySecurityGroupRules", &request));
                for (egress, action) in [("false", "allow"), ("true", "allow"), ("false", "deny")] {
                    let entry = format!(
                        r#"{{"egress":{egress},"ruleAction":"{action}","aclProtocol":{protocol},"portRange":{{"from":{from},"to":{to}}},"cidrBlock":"{block}"}}"#
                    );
                    events.push(event("CreateNetworkAclEntry", &entry));
                }
                let info = format!(r#"{{"protocol":{protocol},"fromPort":{from},"toPort":{to},"cidrs":["{block}"]}}"#);
                events.push(event("OpenInstancePublicPorts", &format!(r#"{{"portInfo":{info}}}"#)));
                let unsaid = r#"{"protocol":"tcp","fromPort":80,"toPort":80}"#;
                events.push(event("PutInstancePublicPorts", &format!(r#"{{"portInfos":[{info},{unsaid}]}}"#)));
                events.push(event("AuthorizeDBSecurityGroupIngress", &format!(r#"{{"cIDRIP":"{block}"}}"#)));
                events.push(event("RevokeSecurityGroupIngress", &format!("{{{flat}}}")));
            }
        }
    }
    events
}

fn shares() -> Vec<String> {
    let mut events = Vec::new();
    for who in [
        "777788889999",
        "111122223333",
        "all",
        "*",
        "arn:aws:iam::777788889999:role/x",
        "arn:aws:organizations::777788889999:organization/o-1",
        "s3.amazonaws.com",
    ] {
        for (name, request) in [
            ("ModifyImageAttribute", r#"{"launchPermission":{"add":{"items":[{"userId":"WHO"},{"group":"WHO"}]}}}"#),
            ("ModifyImageAttribute", r#"{"launchPermission":{"remove":{"items":[{"userId":"WHO"}]}}}"#),
            (
                "ModifySnapshotAttribute",
                r#"{"createVolumePermission":{"add":{"items":[{"group":"WHO"},{"userId":"123456789012"}]}}}"#,
            ),
            (
                "ModifyFpgaImageAttribute",
                r#"{"ModifyFpgaImageAttributeRequest":{"LoadPermission":{"Add":[{"UserId":"WHO"}]}}}"#,
            ),
            ("ModifyDBSnapshotAttribute", r#"{"attributeName":"restore","valuesToAdd":["WHO","123456789012"]}"#),
            ("ModifyDBClusterSnapshotAttribute", r#"{"attributeName":"other","valuesToAdd":["WHO"]}"#),
            ("ModifyDocumentPermission", r#"{"accountIdsToAdd":["WHO","WHO"]}"#),
            ("AddLayerVersionPermission20181031", r#"{"principal":"WHO"}"#),
            ("AddLayerVersionPermission20181031", r#"{"principal":"WHO","organizationId":"o-a1b2c3d4e5"}"#),
            ("CreateResourceShare", r#"{"principals":["123456789012","WHO"]}"#),
            ("AssociateResourceShare", r#"{"principals":["WHO"]}"#),
            ("AuthorizeSnapshotAccess", r#"{"accountWithRestoreAccess":"WHO"}"#),
            ("AuthorizeDataShare", r#"{"consumerIdentifier":"WHO"}"#),
            ("CreateGrant", r#"{"granteePrincipal":"WHO"}"#),
            ("RevokeGrant", r#"{"granteePrincipal":"WHO"}"#),
        ] {
            events.push(event(name, &request.replace("WHO", who)));
        }
    }
    events
}

fn requests() -> Vec<String> {
    let lifecycle =
        |rule: &str| event("PutBucketLifecycle", &format!(r#"{{"LifecycleConfiguration":{{"Rule":{rule}}}}}"#));
    let events = vec![
        event("RunInstances", r#"{"instanceType":"p5.48xlarge","instancesSet":{"items":[{"maxCount":2},{"maxCount":"3"}]}}"#),
        event("RequestSpotInstances", r#"{"instanceCount":4,"launchSpecification":{"instanceType":"c5.large"}}"#),
        event("RequestSpotFleet", r#"{"spotFleetRequestConfig":{"targetCapacity":"7"}}"#),
        event("CreateFleet", r#"{"CreateFleetRequest":{"TargetCapacitySpecification":{"TotalTargetCapacity":8}}}"#),
        event("ModifyInstanceAttribute", r#"{"instanceType":{"value":"x1.32xlarge"}}"#),
        r#"{"requestParameters":{"instanceType":null},"responseElements":{"instancesSet":{"items":[{},{"instanceType":"t3.nano"}]}}}"#.into(),
        lifecycle(r#"{"Status":"Enabled","Expiration":{"Days":1}}"#),
        lifecycle(r#"[{"Status":"Disabled","Expiration":{"Days":1}},{"Expiration":{"Days":"30"},"NoncurrentVersionExpiration":{"NoncurrentDays":9}}]"#),
        lifecycle(r#"{"Status":"Enabled","Expiration":{"Date":"2026-01-01T00:00:00Z"}}"#),
        lifecycle(r#"{"Status":"Enabled","Expiration":{"Date":"2026-03-01T18:29:59.000Z"}}"#),
        lifecycle(r#"[{"Status":"Enabled","Expiration":{"Date":"2028-03-01T00:00:00Z"}},{"Expiration":{"Days":800}}]"#),
        lifecycle(r#"[{"Status":"Disabled","Expiration":{"Date":"2026-03-01T00:00:00Z"}},{"Expiration":{"Date":"soon"}}]"#),
        r#"{"requestParameters":[]}"#.into(),
        r#"{"eventName":"CreateGrant","requestParameters":"text"}"#.into(),
    ];
    events
}
