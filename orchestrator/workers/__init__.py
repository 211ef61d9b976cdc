"""Handlers of jobs: prepare a folder, let an engine run between two steps, report."""
