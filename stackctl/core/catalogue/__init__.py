"""The catalogue of models: its entries, how its text is read, and the header that follows from an entry."""
