# A hundred objects that cost next to nothing to make, so that the time of a run is the engine's own and that of
# whoever runs it: a hundred hosts that depend on nothing.

resource "terraform_data" "instance" {
  for_each = var.instances

  input = merge(each.value, { tags = var.tags })
}
