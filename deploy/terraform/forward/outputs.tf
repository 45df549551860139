# What sends.

output "rule_arn" {
  description = "The rule."
  value       = aws_cloudwatch_event_rule.main.arn
}
