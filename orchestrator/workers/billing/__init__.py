"""Jobs of the month close."""
