"""Planted faults, one at a time: the doctor names each first."""
