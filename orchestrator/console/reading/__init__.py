"""From rows to view models: one file per domain; nothing here writes."""
