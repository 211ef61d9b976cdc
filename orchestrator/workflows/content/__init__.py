"""Content revisions: proposed, approved, loaded."""
