"""Workflows of a resource request, from draft to approval."""
