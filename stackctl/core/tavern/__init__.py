"""What SillyTavern reads, writes and answers."""
