"""Shared by all pages: visit, layout, menu, security, static files."""
