"""The demonstration: a workflow that an agent extends while it runs, and what it calls."""
