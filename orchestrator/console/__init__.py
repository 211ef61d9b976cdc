"""The pages of the service: they read through queries and act through workflows, like the API beside them."""
