"""The JSON API under ``/api/v1``: one file a domain; reads through queries, acts through workflows."""
