"""How fast the product is beside the same work done by hand; `python -m benchmarks.NAME` runs one."""
