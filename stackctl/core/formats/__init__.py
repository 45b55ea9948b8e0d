"""Readers of other programs' formats that don't trust their content."""
