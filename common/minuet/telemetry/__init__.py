"""Logs, metrics and traces, under the same names in every process."""
