"""Finds what is on this machine because of stackctl, and removes what the user agrees to."""
