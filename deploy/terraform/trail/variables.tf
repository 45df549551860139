# What the trail and its bucket are like.

variable "name" {
  description = "Name of the trail and the queue."
  type        = string
  default     = "falco-cloudtrail"
}

variable "bucket_name" {
  description = "Name of the bucket to make, which nobody else in the world may have."
  type        = string
}

variable "organization_id" {
  description = "Make it the trail of this organization, o-..., in its management account. Empty means of this account alone."
  type        = string
  default     = ""

  validation {
    condition     = var.organization_id == "" || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "An organization id looks like o-a1b2c3d4e5."
  }
}

variable "customer_key" {
  description = "true encrypts the logs with a KMS key of your own, false with one of S3."
  type        = bool
  default     = false
}

variable "expiration_days" {
  description = "Delete logs after so many days. 0 means never."
  type        = number
  default     = 0
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told when there is a message in the dead-letter queue. Empty means no alarm."
  type        = string
  default     = ""
}
