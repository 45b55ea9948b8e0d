"""The values that several rooms speak of: plain, frozen, and without a thought of their own."""
