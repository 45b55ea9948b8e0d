"""What the container engine, its runtime and its registries say when something fails."""
