# What the queue is called, and who else may send.

variable "name" {
  description = "Name of the queue, the bus and the rules."
  type        = string
  default     = "falco-cloudtrail-events"
}

variable "customer_key" {
  description = "true encrypts the queues with a KMS key of your own, false with one of SQS."
  type        = bool
  default     = false
}

variable "organization_id" {
  description = "The organization whose accounts may send to the bus, o-... Empty means none."
  type        = string
  default     = ""

  validation {
    condition     = var.organization_id == "" || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "An organization id looks like o-a1b2c3d4e5."
  }
}

variable "sender_accounts" {
  description = "Accounts that may send to the bus, 12 digits each."
  type        = list(string)
  default     = []
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told when there is a message in the dead-letter queue. Empty means no alarm."
  type        = string
  default     = ""
}
