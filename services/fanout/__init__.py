"""The fanout: shows runs live over WebSockets."""
