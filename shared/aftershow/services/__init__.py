"""Read, decide, commit: one module for each function of the set."""
