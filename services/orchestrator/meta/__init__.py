"""About the service itself: info, health, metrics, the description of the API."""
