# One object whose making says `lines` times what time it is, in nanoseconds, with a pause after each.

resource "terraform_data" "instance" {
  for_each = var.instances

  input = merge(each.value, { tags = var.tags })

  provisioner "local-exec" {
    command = "i=0; while [ $i -lt ${each.value.vcpu} ]; do date +stamp=%s%N; sleep 0.05; i=$((i+1)); done"
  }
}
