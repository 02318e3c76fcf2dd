"""The content-addressed store: a local cache, then Redis, then the durable store."""
