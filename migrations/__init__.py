"""Schema migrations; `python -m minuet.migrations` applies them."""
