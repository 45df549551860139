# Events within seconds: EventBridge -> SQS. Makes the queue that sqs:// reads, its dead-letter queue, the rules that
# lead to it, a bus for other regions and accounts, and the policy of the reader.
#
# What it needs: a trail that logs management events, since EventBridge has no events of CloudTrail without one. Other
# regions and accounts send to the bus with the module forward.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  pattern = jsonencode({
    source = [{ prefix = "aws." }]
    detail-type = [
      "AWS API Call via CloudTrail",
      "AWS Console Sign In via CloudTrail",
      "AWS Service Event via CloudTrail",
      "AWS Insight via CloudTrail",
    ]
  })
  targets = {
    default = aws_cloudwatch_event_rule.default
    bus     = aws_cloudwatch_event_rule.bus
  }
  rule_arns = [for rule in local.targets : rule.arn]
}

module "queue" {
  source = "../queue"

  name                       = var.name
  kms_key_arn                = var.customer_key ? aws_kms_key.queue[0].arn : ""
  send_policies              = [data.aws_iam_policy_document.send.json]
  dead_letters_send_policies = [data.aws_iam_policy_document.send.json]
  alarm_topic_arn            = var.alarm_topic_arn
}

data "aws_iam_policy_document" "send" {
  statement {
    sid       = "Send"
    actions   = ["sqs:SendMessage"]
    resources = ["*"] # the queue that has the policy

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = local.rule_arns
    }
  }
}

resource "aws_cloudwatch_event_rule" "default" {
  name        = var.name
  description = "Events of CloudTrail in this region, for Falco"
  # ENABLED alone leaves out the events that only read.
  state         = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
  event_pattern = local.pattern
}

resource "aws_cloudwatch_event_bus" "main" {
  name = var.name
}

resource "aws_cloudwatch_event_rule" "bus" {
  name           = var.name
  description    = "Events of CloudTrail in other regions and accounts, for Falco"
  event_bus_name = aws_cloudwatch_event_bus.main.name
  state          = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
  event_pattern  = local.pattern
}

resource "aws_cloudwatch_event_target" "queue" {
  for_each = local.targets

  rule           = each.value.name
  event_bus_name = each.value.event_bus_name
  target_id      = "queue"
  arn            = module.queue.arn

  dead_letter_config {
    arn = module.queue.dead_letters_arn
  }
}

resource "aws_cloudwatch_event_permission" "organization" {
  count = var.organization_id == "" ? 0 : 1

  event_bus_name = aws_cloudwatch_event_bus.main.name
  statement_id   = "OrganizationMaySend"
  principal      = "*"

  condition {
    type  = "StringEquals"
    key   = "aws:PrincipalOrgID"
    value = var.organization_id
  }
}

resource "aws_cloudwatch_event_permission" "account" {
  for_each = toset(var.sender_accounts)

  event_bus_name = aws_cloudwatch_event_bus.main.name
  statement_id   = "AccountMaySend-${each.value}"
  principal      = each.value
}

resource "aws_kms_key" "queue" {
  count = var.customer_key ? 1 : 0

  description         = "The queues of ${var.name}"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "Send"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = local.rule_arns
    }
  }
}

resource "aws_iam_policy" "reader" {
  name_prefix = "${var.name}-"
  description = "What Falco needs to read the queue ${var.name}"
  policy      = module.queue.reader_policy
}
