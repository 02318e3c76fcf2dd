"""Patches of live runs."""
