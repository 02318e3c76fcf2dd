"""The coordinator: sole writer of the partitions it owns."""
