"""This machine's operating system: what it says of itself, and the changes that a user agreed to."""
