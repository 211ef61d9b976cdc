"""What a department asked for, and how far it has come."""
