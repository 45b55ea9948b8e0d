"""Explains a log: the cause that stands in it, if one is known."""
