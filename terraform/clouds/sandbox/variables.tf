variable "workspace" {
  description = "Workspace of all objects; the first part of each key."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]{1,40}$", var.workspace))
    error_message = "The workspace must match ^[a-z0-9-]{1,40}$."
  }
}

variable "tags" {
  description = "Tags of every object: request, department, system and others. Values are free text."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.tags) : can(regex("^[a-z0-9_-]{1,30}$", name))])
    error_message = "The name of each tag must match ^[a-z0-9_-]{1,30}$."
  }
}

variable "network" {
  description = "The network of the workspace: its zone and its display name."
  type = object({
    zone = string
    name = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z0-9-]{1,30}$", var.network.zone))
    error_message = "The zone must match ^[a-z0-9-]{1,30}$."
  }
}

variable "instances" {
  description = "The instances by key. The label is free text; the security group opens the ports."
  type = map(object({
    label     = string
    purpose   = string
    pool      = string
    arch      = string
    image     = string
    vcpu      = number
    memory_gb = number
    ports     = list(number)
  }))
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.instances) : can(regex("^[a-z0-9-]{1,40}$", key))])
    error_message = "The key of each instance must match ^[a-z0-9-]{1,40}$."
  }

  validation {
    condition     = alltrue([for one in values(var.instances) : contains(["app", "db", "middleware", "other"], one.purpose)])
    error_message = "The purpose of each instance must be app, db, middleware or other."
  }

  validation {
    condition = alltrue([for one in values(var.instances) :
      alltrue([for word in [one.pool, one.arch, one.image] : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", word))])
    ])
    error_message = "Pool, arch and image of each instance must be words of letters, digits, dots, dashes and underscores."
  }

  validation {
    condition = alltrue([for one in values(var.instances) :
      alltrue([for size in [one.vcpu, one.memory_gb] : size >= 1 && size <= 1048576 && floor(size) == size])
    ])
    error_message = "The vcpu and memory_gb of each instance must be whole numbers from 1 to 1048576."
  }

  validation {
    condition = alltrue([for one in values(var.instances) :
      alltrue([for port in one.ports : port >= 1 && port <= 65535 && floor(port) == port])
    ])
    error_message = "The ports of each instance must be whole numbers from 1 to 65535."
  }
}

variable "volumes" {
  description = "The data volumes by key, each with the key of its instance."
  type = map(object({
    instance = string
    size_gb  = number
    tier     = string
  }))
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.volumes) : can(regex("^[a-z0-9-]{1,40}$", key))])
    error_message = "The key of each volume must match ^[a-z0-9-]{1,40}$."
  }

  validation {
    condition = alltrue([for one in values(var.volumes) :
      one.size_gb >= 1 && one.size_gb <= 1048576 && floor(one.size_gb) == one.size_gb
    ])
    error_message = "The size_gb of each volume must be a whole number from 1 to 1048576."
  }

  validation {
    condition     = alltrue([for one in values(var.volumes) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", one.tier))])
    error_message = "The tier of each volume must be a word of letters, digits, dots, dashes and underscores."
  }
}
