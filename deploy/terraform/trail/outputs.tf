# What Falco and the module role take.

output "open_params" {
  description = "The open_params of the plugin."
  value       = "sqs://${module.queue.arn}"
}

output "open_params_of_bucket" {
  description = "The open_params to read the bucket without the queue, with verifyDigests too."
  value       = "s3://${var.bucket_name}/AWSLogs/"
}

output "queue_reader_policy_arn" {
  description = "The policy to attach to Falco's role for open_params, one of the policy_arns of the module role."
  value       = aws_iam_policy.queue_reader.arn
}

output "bucket_reader_policy_arn" {
  description = "The same for open_params_of_bucket."
  value       = aws_iam_policy.bucket_reader.arn
}

output "dead_letters_url" {
  description = "The queue of messages that could not be delivered or read."
  value       = module.queue.dead_letters_url
}
