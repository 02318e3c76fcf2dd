"""Faults that come from outside a process: signals, disks, memory, entries nobody can read."""
