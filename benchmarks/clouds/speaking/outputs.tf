output "network" {
  description = "None."
  value       = {}
}

output "instances" {
  description = "The instances by key: id alone, because none of them is a host."
  value       = { for key, one in terraform_data.instance : key => { id = one.id } }
}

output "volumes" {
  description = "None."
  value       = {}
}
