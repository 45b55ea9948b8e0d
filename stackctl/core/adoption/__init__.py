"""Adopting a SillyTavern folder that is there already."""
