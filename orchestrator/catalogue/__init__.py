"""What can be ordered, what it takes of quota, and what it costs on which day."""
