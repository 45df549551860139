# What the queue is like.

variable "name" {
  description = "Name of the queue."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the queues. Empty means one of SQS."
  type        = string
  default     = ""
}

variable "send_policies" {
  description = "Policies, as JSON text, with a statement for each sender."
  type        = list(string)
}

variable "dead_letters_send_policies" {
  description = "The same for the dead-letter queue."
  type        = list(string)
  default     = []
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told when there is a message in the dead-letter queue. Empty means no alarm."
  type        = string
  default     = ""
}
