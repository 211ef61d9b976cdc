# One workspace in the sandbox cloud: a network, and for each instance a security group, a port and a host.
# User input reaches this module through variables only, as data.

resource "sandbox_network" "main" {
  key  = "${var.workspace}/network/main"
  zone = var.network.zone
  name = var.network.name
  tags = var.tags
}

resource "sandbox_security_group" "instance" {
  for_each = var.instances

  key     = "${var.workspace}/security_group/${each.key}"
  network = sandbox_network.main.id
  ports   = toset(each.value.ports)
  tags    = var.tags
}

resource "sandbox_port" "instance" {
  for_each = var.instances

  key            = "${var.workspace}/port/${each.key}"
  network        = sandbox_network.main.id
  security_group = sandbox_security_group.instance[each.key].id
  tags           = var.tags
}

resource "sandbox_instance" "instance" {
  for_each = var.instances

  key       = "${var.workspace}/instance/${each.key}"
  port      = sandbox_port.instance[each.key].id
  pool      = each.value.pool
  arch      = each.value.arch
  image     = each.value.image
  purpose   = each.value.purpose
  label     = each.value.label
  vcpu      = each.value.vcpu
  memory_gb = each.value.memory_gb
  tags      = var.tags

  # Set explicitly, so that every plan shows an instance that was stopped outside of Terraform.
  power = "running"
}

resource "sandbox_volume" "volume" {
  for_each = var.volumes

  key      = "${var.workspace}/volume/${each.key}"
  instance = sandbox_instance.instance[each.value.instance].id
  size_gb  = each.value.size_gb
  tier     = each.value.tier
  tags     = var.tags
}
