"""Access to SillyTavern's page, by HTTP or from inside its container."""
