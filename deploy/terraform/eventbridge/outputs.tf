# What Falco and the other modules take.

output "open_params" {
  description = "The open_params of the plugin."
  value       = "sqs://${module.queue.arn}"
}

output "reader_policy_arn" {
  description = "The policy to attach to Falco's role, one of the policy_arns of the module role."
  value       = aws_iam_policy.reader.arn
}

output "bus_arn" {
  description = "Where other regions and accounts send, the bus_arn of the module forward."
  value       = aws_cloudwatch_event_bus.main.arn
}

output "dead_letters_url" {
  description = "The queue of messages that could not be delivered or read."
  value       = module.queue.dead_letters_url
}
