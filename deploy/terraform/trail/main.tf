# All that a trail logs, minutes later: trail -> S3 -> SQS. Makes the trail with log file validation, the queue that sqs://
# reads, its dead-letter queue, and the policies of the reader. The bucket is in bucket.tf, the key in key.tf.
#
# The trail logs the management events of all regions; add data events to it where they are wanted. For a bucket that
# is there already, take the module bucket.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  # Written out: the trail knows the bucket and the key.
  trail_arn = "arn:${local.partition}:cloudtrail:${data.aws_region.current.region}:${local.account}:trail/${var.name}"
}

resource "aws_cloudtrail" "main" {
  name                          = var.name
  s3_bucket_name                = aws_s3_bucket.logs.bucket
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true
  is_organization_trail         = var.organization_id != ""
  kms_key_id                    = var.customer_key ? aws_kms_key.logs[0].arn : null

  depends_on = [aws_s3_bucket_policy.logs]
}

module "queue" {
  source = "../queue"

  name            = var.name
  send_policies   = [data.aws_iam_policy_document.send.json]
  alarm_topic_arn = var.alarm_topic_arn
}

data "aws_iam_policy_document" "send" {
  statement {
    sid       = "Send"
    actions   = ["sqs:SendMessage"]
    resources = ["*"] # the queue that has the policy

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.logs.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "objects" {
  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
  }

  statement {
    sid       = "ListBucket"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.logs.arn]
  }

  dynamic "statement" {
    for_each = var.customer_key ? [aws_kms_key.logs[0].arn] : []

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
