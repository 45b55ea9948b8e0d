"""Part of the stand-ins for tests, never what a user gets."""
