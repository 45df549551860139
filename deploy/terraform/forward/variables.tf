# Where the events go.

variable "name" {
  description = "Name of the rule."
  type        = string
  default     = "falco-cloudtrail-forward"
}

variable "bus_arn" {
  description = "The bus_arn of the module eventbridge."
  type        = string
}
