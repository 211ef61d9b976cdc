"""What all pages share: visit, layout, menu, security, static files."""
