"""Recommends models and describes them."""
