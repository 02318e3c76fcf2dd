"""Ports: refuse a taken one before anything starts, find free ones for metrics."""

from __future__ import annotations

import errno
import socket

from .errors import SuiteError


def claim_port(host: str, port: int, setting: str = "MINUET_PORT") -> int:
    """`port` itself, or a free one for 0. Raises SuiteError if nobody could listen there."""
    try:
        with _listening_socket(host, port) as probe:
            return int(probe.getsockname()[1])
    except OSError as exc:
        raise SuiteError(_explain(host, port, setting, exc)) from exc


def free_ports(count: int) -> list[int]:
    """Different free loopback ports. Another program may still take one before its service does."""
    probes = [_listening_socket("127.0.0.1", 0) for _ in range(count)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _listening_socket(host: str, port: int) -> socket.socket:
    """Not SO_REUSEPORT: with it, a second server would share the port in silence."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    probe = socket.socket(family, socket.SOCK_STREAM)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
    except BaseException:
        probe.close()
        raise
    return probe


def _explain(host: str, port: int, setting: str, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"Port {port} is taken: stop what uses it, or choose another with {_way(setting)}"
    if exc.errno == errno.EACCES:
        return f"Port {port} needs root: choose one above 1023 with {_way(setting)}"
    return f"Cannot listen on {host}:{port} ({exc.strerror}): choose another MINUET_HOST"


def _way(setting: str) -> str:
    """The option too, where there is one."""
    return f"--port or {setting}" if setting == "MINUET_PORT" else setting
