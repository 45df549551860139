# What leads to the queue and its reader.

output "arn" {
  description = "The queue."
  value       = aws_sqs_queue.main.arn
}

output "dead_letters_arn" {
  description = "The dead-letter queue."
  value       = aws_sqs_queue.dead_letters.arn
}

output "dead_letters_url" {
  description = "The queue of messages that could not be delivered or read."
  value       = aws_sqs_queue.dead_letters.url
}

output "reader_policy" {
  description = "The policy of the reader of the queue, as JSON text."
  value       = data.aws_iam_policy_document.reader.json
}
