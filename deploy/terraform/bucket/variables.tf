# Which bucket.

variable "name" {
  description = "Name of the queue and the rule."
  type        = string
  default     = "falco-cloudtrail"
}

variable "bucket_name" {
  description = "The bucket of the trail."
  type        = string
}

variable "key_arn" {
  description = "The KMS key that the trail encrypts its logs with. Empty means none."
  type        = string
  default     = ""
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told when there is a message in the dead-letter queue. Empty means no alarm."
  type        = string
  default     = ""
}
