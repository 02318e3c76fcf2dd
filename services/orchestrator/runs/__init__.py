"""Runs: start, look up, follow, cancel."""
