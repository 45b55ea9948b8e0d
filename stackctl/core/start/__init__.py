"""Turns the events of a start into a verdict."""
