"""GPUs as their drivers show them."""
