"""`stackctl smoke`: check after check on a running stack, or on one that is brought up for it."""
