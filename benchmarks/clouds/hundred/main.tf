# A hundred objects that cost next to nothing to make, so a run measures only the engine and its
# caller: a hundred hosts that depend on nothing.

resource "terraform_data" "instance" {
  for_each = var.instances

  input = merge(each.value, { tags = var.tags })
}
