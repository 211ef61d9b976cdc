"""Jobs of migrations: preparation, cutover, rollback, clean-up."""
