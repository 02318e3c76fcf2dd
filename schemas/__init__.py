"""JSON Schemas of the wire forms, as package data."""
