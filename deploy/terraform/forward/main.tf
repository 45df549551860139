# Sends the events of one more region, or of one more account, to the bus that the module eventbridge made: use it with a
# provider for each of them, but not where that bus is.
#
# What it needs: a trail that logs management events there, and for another account that the module eventbridge lets it
# send.

data "aws_caller_identity" "current" {}

resource "aws_cloudwatch_event_rule" "main" {
  name        = var.name
  description = "Events of CloudTrail in this region, for Falco"
  # ENABLED alone leaves out the events that only read.
  state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

  event_pattern = jsonencode({
    source = [{ prefix = "aws." }]
    detail-type = [
      "AWS API Call via CloudTrail",
      "AWS Console Sign In via CloudTrail",
      "AWS Service Event via CloudTrail",
      "AWS Insight via CloudTrail",
    ]
  })
}

resource "aws_cloudwatch_event_target" "bus" {
  rule      = aws_cloudwatch_event_rule.main.name
  target_id = "bus"
  arn       = var.bus_arn
  role_arn  = aws_iam_role.main.arn
}

resource "aws_iam_role" "main" {
  name_prefix        = "falco-cloudtrail-forward-"
  description        = "Lets the rule ${var.name} send to the bus of Falco"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.main.arn]
    }
  }
}

data "aws_iam_policy_document" "send" {
  statement {
    sid       = "Send"
    actions   = ["events:PutEvents"]
    resources = [var.bus_arn]
  }
}

resource "aws_iam_role_policy" "send" {
  name   = "send"
  role   = aws_iam_role.main.name
  policy = data.aws_iam_policy_document.send.json
}
