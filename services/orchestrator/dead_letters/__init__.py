"""What could not be done: looked at, retried, discarded."""
