"""Provision and migrate government cloud systems."""

__version__ = "0.1.0"
