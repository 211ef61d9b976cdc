"""What exists in a cloud on behalf of a department, and where reality differs."""
