"""SillyTavern's files, settings and answers."""
