"""Makes a plan of the configuration and of what was observed."""
