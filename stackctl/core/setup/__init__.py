"""What a bare machine lacks for a stack, and the commands that add it, for each distribution."""
