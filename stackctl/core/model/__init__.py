"""Model files: their headers, their formats and their memory."""
