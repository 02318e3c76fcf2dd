"""Serves the node type `hitl`: asks people, and waits without holding anything."""
