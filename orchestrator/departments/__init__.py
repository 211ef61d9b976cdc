"""Organisations, people, roles, permissions, sign-in and tokens."""
