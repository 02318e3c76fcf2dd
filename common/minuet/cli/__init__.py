"""The `minuet` command. Modules here import what is heavy inside the commands that need it."""
