"""Revisions of the database and the list of every table."""
