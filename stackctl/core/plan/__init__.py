"""What is wanted and what was observed become a plan."""
