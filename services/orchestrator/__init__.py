"""The REST API: accepts runs and commands in Postgres and relays them to Redis."""
