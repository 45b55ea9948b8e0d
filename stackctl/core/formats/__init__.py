"""Text and limits of others' formats, read without trusting them."""
