"""Serves the node types `http` and `transform`."""
