"""Moving a running system: what is moved, the port that moves it, how what comes back is judged."""
