# Who takes the role, and what for.

variable "role_name" {
  description = "Name of the role."
  type        = string
  default     = "falco-cloudtrail"
}

variable "policy_arns" {
  description = "The reader's policies that the other modules give, each under a name of your own."
  type        = map(string)
  default     = {}
}

variable "event_history" {
  description = "Whether lookup:// may read the event history of this account: none, regions (with its regions named) or all (lookup://all)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "regions", "all"], var.event_history)
    error_message = "It is none, regions or all."
  }
}

variable "assume_role_arns" {
  description = "Roles in other accounts that aws.assumeRoleArn and lookup.assumeRoles name."
  type        = list(string)
  default     = []
}

variable "oidc_provider_arn" {
  description = "The OIDC provider of the EKS cluster whose service account takes the role. Empty means none."
  type        = string
  default     = ""
}

variable "namespace" {
  description = "Namespace of that service account."
  type        = string
  default     = "falco"
}

variable "service_account" {
  description = "Name of that service account."
  type        = string
  default     = "falco"
}

variable "trusted_arn" {
  description = "The role of Falco in another account that takes this one. Empty means none."
  type        = string
  default     = ""
}

variable "external_id" {
  description = "What trusted_arn must say as its external id, aws.externalId in the configuration. Empty means nothing."
  type        = string
  default     = ""
}
