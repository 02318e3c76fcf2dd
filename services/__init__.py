"""One folder a process; started by `python -m minuet.services.<name>`."""
