"""SKUs that can be ordered, their use of quota, and their prices by day."""
