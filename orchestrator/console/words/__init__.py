"""Labels, names and translations of the pages."""
