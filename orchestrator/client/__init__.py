"""The client of the HTTP API: typed calls, generated from docs/openapi.json, over one connection.

Import from the modules: `api` (the client), `models` (requests and responses), `connection` (errors).
"""
