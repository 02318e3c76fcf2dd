"""API keys: whom a tenant lets in."""
