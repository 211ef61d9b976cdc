"""The movers `postgresql_logical` and `files_stream`, played by Ansible from an approved bundle."""
