"""What is on this machine because of stackctl, and which of it may go."""
