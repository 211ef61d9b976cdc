"""Resources of departments in a cloud, and drift."""
