# Events within seconds, of two regions and of the accounts of an organization, read by pods of an EKS cluster.

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

provider "aws" {
  alias  = "ireland"
  region = "eu-west-1"
}

module "events" {
  source = "../../eventbridge"

  organization_id = "o-a1b2c3d4e5"
}

module "from_ireland" {
  source = "../../forward"

  providers = {
    aws = aws.ireland
  }

  bus_arn = module.events.bus_arn
}

module "role" {
  source = "../../role"

  policy_arns       = { events = module.events.reader_policy_arn }
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"
}

output "open_params" {
  description = "The open_params of the plugin."
  value       = module.events.open_params
}

output "role_arn" {
  description = "For the annotation eks.amazonaws.com/role-arn."
  value       = module.role.role_arn
}
