"""The rules of the city as data, and what they say about a request."""
