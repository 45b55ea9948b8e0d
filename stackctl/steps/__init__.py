"""What several commands share: observe, download, write, seed, start, prove."""
