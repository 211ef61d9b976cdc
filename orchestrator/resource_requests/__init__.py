"""Resource requests of departments, and their lifecycle."""
