//! Identity providers that everyone can have an account with, and the claims that tell whose account it is.
//!
//! A role that trusts such a provider is open to everyone, unless a condition asks for one owner.

use super::pattern::beginning;

/// An identity provider that everyone can have an account with.
pub(super) struct Provider {
    /// Its name in principals and in the keys of conditions.
    pub host: &'static str,
    /// The claims that tell one owner from another. Whoever runs a build chooses the `aud`, and in most cases also the
    /// branch, the environment and the workflow.
    pub claims: &'static [&'static str],
    /// What `sub` begins with when it tells the owner: the name of another claim. Without any it is one user.
    subjects: &'static [&'static str],
}

const SHARED_PROVIDERS: &[Provider] = &[
    Provider {
        host: "token.actions.githubusercontent.com",
        claims: &["sub", "repository", "repository_id", "repository_owner", "repository_owner_id"],
        subjects: &["repo", "repository", "repository_id", "repository_owner", "repository_owner_id"],
    },
    Provider {
        host: "gitlab.com",
        claims: &["sub", "namespace_id", "namespace_path", "project_id", "project_path"],
        subjects: &["project_path"],
    },
    Provider {
        host: "app.terraform.io",
        claims: &[
            "sub",
            "terraform_organization_id",
            "terraform_organization_name",
            "terraform_project_id",
            "terraform_workspace_id",
        ],
        subjects: &["organization"],
    },
    // `aud` is the application that the user signed in to.
    Provider { host: "accounts.google.com", claims: &["sub", "aud"], subjects: &[] },
    Provider { host: "graph.facebook.com", claims: &["app_id", "id"], subjects: &[] },
    Provider { host: "www.amazon.com", claims: &["app_id", "user_id"], subjects: &[] },
    Provider { host: "cognito-identity.amazonaws.com", claims: &["sub", "aud"], subjects: &[] },
];

/// Finds a shared provider by its name.
pub(super) fn shared(host: &str) -> Option<&'static Provider> {
    SHARED_PROVIDERS.iter().find(|provider| provider.host.eq_ignore_ascii_case(host))
}

impl Provider {
    /// Returns whether the value of a claim is that of one owner: `repo:owner/…*`, not `repo:*` and not `repo:own*`.
    pub fn is_one_owner(&self, claim: &str, value: &str) -> bool {
        let owner = if self.subjects.is_empty() || !claim.eq_ignore_ascii_case("sub") {
            Some(value)
        } else {
            let subject = value.split_once(':').filter(|(name, _)| self.subjects.contains(name));
            subject.map(|(_, owner)| owner)
        };
        owner.is_some_and(|owner| {
            let fixed = beginning(owner);
            let is_whole = !self.subjects.is_empty() && fixed.find(['/', ':']).is_some_and(|end| end > 0);
            is_whole || fixed == owner && !owner.is_empty()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::let_in;

    #[test]
    fn shared_identity_providers_are_everyone_unless_a_claim_tells_whose_account() {
        const GITHUB: &str = "token.actions.githubusercontent.com";
        for (provider, condition, accounts) in [
            (GITHUB, String::new(), "*"),
            ("arn:aws:iam::111122223333:oidc-provider/TOKEN.actions.githubusercontent.com", String::new(), "*"),
            ("arn:aws:iam::111122223333:oidc-provider/idp.example.com", String::new(), "<NA>"),
            ("arn:aws:iam::111122223333:saml-provider/corp", String::new(), "<NA>"),
            ("cognito-identity.amazonaws.com", String::new(), "*"),
            (GITHUB, format!(r#"{{"StringEquals":{{"{GITHUB}:aud":"sts.amazonaws.com"}}}}"#), "*"),
            (GITHUB, format!(r#"{{"StringLike":{{"{GITHUB}:sub":"repo:octo/*"}}}}"#), "<NA>"),
            (GITHUB, format!(r#"{{"StringEquals":{{"{GITHUB}:SUB":"repo:octo/app:ref:refs/heads/main"}}}}"#), "<NA>"),
            (GITHUB, format!(r#"{{"StringLike":{{"{GITHUB}:sub":"repo:*"}}}}"#), "*"),
            (GITHUB, format!(r#"{{"StringLike":{{"{GITHUB}:sub":"repo:/*"}}}}"#), "*"),
            (GITHUB, format!(r#"{{"StringLike":{{"{GITHUB}:sub":"repo:octo*"}}}}"#), "*"),
            (GITHUB, format!(r#"{{"StringLike":{{"{GITHUB}:sub":"*"}}}}"#), "*"),
            (GITHUB, format!(r#"{{"StringLike":{{"{GITHUB}:sub":["repo:octo/*","*"]}}}}"#), "*"),
            (GITHUB, format!(r#"{{"ForAllValues:StringLike":{{"{GITHUB}:sub":"repo:octo/*"}}}}"#), "*"),
            (GITHUB, r#"{"StringLike":{"gitlab.com:sub":"project_path:octo/*"}}"#.into(), "*"),
            (
                "cognito-identity.amazonaws.com",
                r#"{"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}"#.into(),
                "*",
            ),
        ] {
            let condition = if condition.is_empty() { condition } else { format!(r#","Condition":{condition}"#) };
            let members = format!(r#""Principal":{{"Federated":"{provider}"}}{condition}"#);
            assert_eq!(let_in(&members), accounts, "{members}");
        }
    }

    #[test]
    fn only_claims_that_tell_the_owner_limit() {
        for (host, claim, value, is_limit) in [
            ("token.actions.githubusercontent.com", "sub", "repo:octo/app:ref:refs/heads/main", true),
            ("token.actions.githubusercontent.com", "sub", "repository_owner:octo", true),
            ("token.actions.githubusercontent.com", "sub", "repository_owner:octo:*", true),
            ("token.actions.githubusercontent.com", "sub", "repository_owner:octo*", false),
            ("token.actions.githubusercontent.com", "sub", "repository_owner_id:123:environment:*", true),
            ("token.actions.githubusercontent.com", "sub", "repo:${aws:PrincipalTag/owner}/*", false),
            ("token.actions.githubusercontent.com", "sub", "*:octo/app", false),
            ("token.actions.githubusercontent.com", "sub", "environment:prod", false),
            ("token.actions.githubusercontent.com", "sub", "ref:refs/heads/main", false),
            ("token.actions.githubusercontent.com", "sub", "job_workflow_ref:octo/ci/*", false),
            ("token.actions.githubusercontent.com", "sub", "octo/app", false),
            ("token.actions.githubusercontent.com", "sub", "", false),
            ("token.actions.githubusercontent.com", "repository", "octo/app", true),
            ("token.actions.githubusercontent.com", "repository", "octo/*", true),
            ("token.actions.githubusercontent.com", "repository", "octo*", false),
            ("token.actions.githubusercontent.com", "repository_id", "74", true),
            ("token.actions.githubusercontent.com", "repository_owner", "octo", true),
            ("token.actions.githubusercontent.com", "repository_owner", "oct?", false),
            ("token.actions.githubusercontent.com", "repository_owner_id", "65", true),
            ("token.actions.githubusercontent.com", "repository_visibility", "private", false),
            ("token.actions.githubusercontent.com", "job_workflow_ref", "octo/ci/build.yml@main", false),
            ("token.actions.githubusercontent.com", "environment", "prod", false),
            ("gitlab.com", "sub", "project_path:octo/app:ref_type:branch:ref:main", true),
            ("gitlab.com", "sub", "project_path:octo/*", true),
            ("gitlab.com", "sub", "project_path:*/app:ref_type:branch:ref:main", false),
            ("gitlab.com", "sub", "ref_type:branch:*", false),
            ("gitlab.com", "namespace_path", "octo", true),
            ("gitlab.com", "namespace_id", "72", true),
            ("gitlab.com", "project_path", "octo/app", true),
            ("gitlab.com", "project_id", "20", true),
            ("gitlab.com", "project_visibility", "private", false),
            ("app.terraform.io", "sub", "organization:octo:project:*", true),
            ("app.terraform.io", "sub", "organization:octo*:project:a", false),
            ("app.terraform.io", "sub", "organization:*:project:octo:workspace:a", false),
            ("app.terraform.io", "sub", "workspace:a", false),
            ("app.terraform.io", "terraform_organization_name", "octo", true),
            ("app.terraform.io", "terraform_organization_id", "org-1", true),
            ("app.terraform.io", "terraform_project_id", "prj-1", true),
            ("app.terraform.io", "terraform_workspace_id", "ws-1", true),
            ("app.terraform.io", "terraform_workspace_name", "prod", false),
            ("app.terraform.io", "terraform_run_phase", "apply", false),
            ("accounts.google.com", "aud", "66677788899900pro0", true),
            ("accounts.google.com", "sub", "1234", true),
            ("accounts.google.com", "sub", "1234*", false),
            // A service account of anyone asks for the audience that it likes.
            ("accounts.google.com", "oaud", "https://example.com", false),
            ("graph.facebook.com", "app_id", "111222333444555", true),
            ("graph.facebook.com", "id", "42", true),
            ("graph.facebook.com", "sub", "42", false),
            ("www.amazon.com", "app_id", "amzn1.application-oa2-client.a", true),
            ("www.amazon.com", "user_id", "amzn1.account.A", true),
            ("cognito-identity.amazonaws.com", "aud", "us-east-2:1234", true),
            ("cognito-identity.amazonaws.com", "sub", "us-east-2:*", false),
        ] {
            let members = format!(
                r#""Principal":{{"Federated":"{host}"}},"Condition":{{"StringLike":{{"{host}:{claim}":"{value}"}}}}"#
            );
            assert_eq!(let_in(&members), if is_limit { "<NA>" } else { "*" }, "{members}");
        }
    }

    #[test]
    fn each_shared_provider_needs_a_claim_of_its_own() {
        const BOTH: &str = r#""Principal":{"Federated":["gitlab.com","accounts.google.com"]}"#;
        const GITLAB: &str = r#""gitlab.com:sub":"project_path:octo/*""#;
        let one = format!(r#"{BOTH},"Condition":{{"StringLike":{{{GITLAB}}}}}"#);
        assert_eq!(let_in(&one), "*");
        let both = format!(r#"{BOTH},"Condition":{{"StringLike":{{{GITLAB},"accounts.google.com:aud":"a"}}}}"#);
        assert_eq!(let_in(&both), "<NA>");
    }
}
