"""Information systems of the departments."""
