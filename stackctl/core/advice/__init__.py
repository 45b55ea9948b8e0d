"""Which model to take, and what one is."""
