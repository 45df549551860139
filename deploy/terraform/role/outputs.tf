# What names the role.

output "role_arn" {
  description = "For the annotation eks.amazonaws.com/role-arn, aws.assumeRoleArn, lookup.assumeRoles or trusted_arn."
  value       = aws_iam_role.main.arn
}
