output "network" {
  description = "The network: id, zone and address range."
  value = {
    id   = sandbox_network.main.id
    zone = sandbox_network.main.zone
    cidr = sandbox_network.main.cidr
  }
}

output "instances" {
  description = "The instances by key: id, address, zone, size, and the connection that Ansible uses."
  value = { for key, one in sandbox_instance.instance : key => {
    id        = one.id
    address   = one.address
    zone      = sandbox_network.main.zone
    vcpu      = one.vcpu
    memory_gb = one.memory_gb
    connection = {
      plugin    = "sandbox"
      host_root = one.host_root
    }
  } }
}

output "volumes" {
  description = "The volumes by key: id, size and tier."
  value = { for key, one in sandbox_volume.volume : key => {
    id      = one.id
    size_gb = one.size_gb
    tier    = one.tier
  } }
}
