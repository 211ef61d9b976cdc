"""Pages of migrations."""
