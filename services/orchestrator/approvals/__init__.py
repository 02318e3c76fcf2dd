"""Approvals: list, look up, decide."""
