"""An execution plan from its order to the applied resources, and recovery after a failure."""
