# The event history of another account beside one's own, through a role in it with an external id.

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
  alias   = "other"
  region  = "us-east-1"
  profile = "other"
}

variable "external_id" {
  description = "What the role in the other account asks for, aws.externalId in the configuration."
  type        = string
}

module "falco" {
  source = "../../role"

  assume_role_arns = [
    "arn:aws:iam::111122223333:role/cloudtrail-reader",
    "arn:aws:iam::222233334444:role/cloudtrail-reader",
  ]
}

# The account of the credentials is read through a role of its own, too.
module "own" {
  source = "../../role"

  role_name     = "cloudtrail-reader"
  event_history = "all"
  trusted_arn   = module.falco.role_arn
  external_id   = var.external_id
}

module "other" {
  source = "../../role"

  providers = {
    aws = aws.other
  }

  role_name     = "cloudtrail-reader"
  event_history = "all"
  trusted_arn   = module.falco.role_arn
  external_id   = var.external_id
}

output "assume_roles" {
  description = "The lookup.assumeRoles of the plugin."
  value       = join(",", [module.own.role_arn, module.other.role_arn])
}
