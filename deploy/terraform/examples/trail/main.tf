# All that the accounts of an organization log, read by an EC2 instance. For its management account.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

module "trail" {
  source = "../../trail"

  bucket_name     = "example-cloudtrail-111122223333"
  organization_id = "o-a1b2c3d4e5"
  customer_key    = true
}

module "role" {
  source = "../../role"

  policy_arns = { trail = module.trail.queue_reader_policy_arn }
}

output "open_params" {
  description = "The open_params of the plugin."
  value       = module.trail.open_params
}
