"""What node types are known."""
