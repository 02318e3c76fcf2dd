"""Postgres: acceptance and history of runs, definitions, and what people look up."""
