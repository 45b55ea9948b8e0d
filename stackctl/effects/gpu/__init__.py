"""GPUs, by their drivers."""
