# All that a trail logs, minutes later, for a bucket that is there already: EventBridge tells an SQS queue of its new
# objects. Makes the queue that sqs:// reads, its dead-letter queue, the rule, and the policies of the reader. Use it with
# a provider for the account and region of the bucket.
#
# What it needs: EventBridge turned on in the bucket's notifications, which leaves its other notifications alone.

data "aws_partition" "current" {}

locals {
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket_name}"
}

module "queue" {
  source = "../queue"

  name                       = var.name
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
      values   = [aws_cloudwatch_event_rule.main.arn]
    }
  }
}

resource "aws_cloudwatch_event_rule" "main" {
  name        = var.name
  description = "New logs in ${var.bucket_name}, for Falco"
  state       = "ENABLED"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [var.bucket_name] }
      object = { key = [{ suffix = ".json.gz" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "queue" {
  rule      = aws_cloudwatch_event_rule.main.name
  target_id = "queue"
  arn       = module.queue.arn

  dead_letter_config {
    arn = module.queue.dead_letters_arn
  }
}

data "aws_iam_policy_document" "objects" {
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject"]
    resources = ["${local.bucket_arn}/*"]
  }

  statement {
    sid       = "ListBucket"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]
  }

  dynamic "statement" {
    for_each = var.key_arn == "" ? [] : [var.key_arn]

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

data "aws_iam_policy_document" "queue_reader" {
  source_policy_documents = [
    module.queue.reader_policy,
    data.aws_iam_policy_document.objects.json,
  ]
}

data "aws_iam_policy_document" "bucket_reader" {
  source_policy_documents = [data.aws_iam_policy_document.objects.json]

  statement {
    sid       = "ListPublicKeys"
    actions   = ["cloudtrail:ListPublicKeys"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "queue_reader" {
  name_prefix = "${var.name}-queue-"
  description = "What Falco needs to read the queue ${var.name} and the logs that its messages name"
  policy      = data.aws_iam_policy_document.queue_reader.json
}

resource "aws_iam_policy" "bucket_reader" {
  name_prefix = "${var.name}-bucket-"
  description = "What Falco needs to read the bucket ${var.bucket_name} and to verify its logs"
  policy      = data.aws_iam_policy_document.bucket_reader.json
}
