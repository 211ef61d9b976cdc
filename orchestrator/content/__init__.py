"""Content as data: what the files in Git say, how it is checked, and what a load would change."""
