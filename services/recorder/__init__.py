"""Stores what coordinators commit: the history of every run, in Postgres."""
