"""Look at a running stack, to explain where the time of its replies goes."""
