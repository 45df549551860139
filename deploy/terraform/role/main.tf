# The role of a Falco, or of what a Falco assumes in another account, with exactly what its sources need.
#
# Who may take it: the pods of a service account (oidc_provider_arn), another role (trusted_arn), or else EC2 instances.
# What it may do: policy_arns of the other modules, the event history, and taking roles in other accounts.

locals {
  for_pods      = var.oidc_provider_arn != ""
  for_role      = !local.for_pods && var.trusted_arn != ""
  for_instances = !local.for_pods && !local.for_role
  provider      = local.for_pods ? split(":oidc-provider/", var.oidc_provider_arn)[1] : ""
}

resource "aws_iam_role" "main" {
  name               = var.role_name
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  dynamic "statement" {
    for_each = local.for_pods ? [var.oidc_provider_arn] : []

    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = [statement.value]
      }

      condition {
        test     = "StringEquals"
        variable = "${local.provider}:aud"
        values   = ["sts.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "${local.provider}:sub"
        values   = ["system:serviceaccount:${var.namespace}:${var.service_account}"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.for_role ? [var.trusted_arn] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = [statement.value]
      }

      dynamic "condition" {
        for_each = var.external_id == "" ? [] : [var.external_id]

        content {
          test     = "StringEquals"
          variable = "sts:ExternalId"
          values   = [condition.value]
        }
      }
    }
  }

  dynamic "statement" {
    for_each = local.for_instances ? ["ec2.amazonaws.com"] : []

    content {
      actions = ["sts:AssumeRole"]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }
    }
  }
}

resource "aws_iam_instance_profile" "main" {
  count = local.for_instances ? 1 : 0

  name = var.role_name
  role = aws_iam_role.main.name
}

# By their names: the ARNs are not known before the other modules are applied.
resource "aws_iam_role_policy_attachment" "reader" {
  for_each = var.policy_arns

  role       = aws_iam_role.main.name
  policy_arn = each.value
}

data "aws_iam_policy_document" "history" {
  statement {
    sid       = "LookupEvents"
    actions   = ["cloudtrail:LookupEvents"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.event_history == "all" ? ["*"] : []

    content {
      sid       = "ListRegions"
      actions   = ["account:ListRegions"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "history" {
  count = var.event_history == "none" ? 0 : 1

  name   = "history"
  role   = aws_iam_role.main.name
  policy = data.aws_iam_policy_document.history.json
}

data "aws_iam_policy_document" "roles" {
  statement {
    sid       = "AssumeRoles"
    actions   = ["sts:AssumeRole"]
    resources = var.assume_role_arns
  }
}

resource "aws_iam_role_policy" "roles" {
  count = length(var.assume_role_arns) == 0 ? 0 : 1

  name   = "roles"
  role   = aws_iam_role.main.name
  policy = data.aws_iam_policy_document.roles.json
}
