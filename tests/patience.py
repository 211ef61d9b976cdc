"""How long tests wait for an event. Waiting ends as soon as it happens, so a long limit costs nothing."""

PATIENCE = 240.0
"""Seconds until a test gives up waiting."""
