"""`stackctl smoke`: run checks on a running stack, or on one that is started for them."""
