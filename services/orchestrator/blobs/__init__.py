"""Stored values by digest."""
