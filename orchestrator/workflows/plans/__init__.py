"""An execution plan from its order to the applied resources, and what follows a failure."""
