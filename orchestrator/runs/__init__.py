"""Workspaces, execution plans, approvals, runs, and how plans are rendered and read."""
