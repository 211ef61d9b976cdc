"""Migrating a running system: its parts, the movers' port, and the judgement of their results."""
