"""Usage, month close, statements and reports."""
