"""The real parts behind the ports: engines, files, clouds, the database server, the run log."""
