variable "workspace" {
  description = "The workspace that owns every object made here."
  type        = string
}

variable "tags" {
  description = "What every object is marked with."
  type        = map(string)
}

variable "network" {
  description = "The network of the workspace; nothing is made of it."
  type        = any
}

variable "instances" {
  description = "The instances by key."
  type        = any
}

variable "volumes" {
  description = "The data volumes by key; nothing is made of them."
  type        = any
}
