"""A resource request from draft to approval."""
