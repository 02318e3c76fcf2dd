"""TLS to Redis, asked for by the options that redis-py reads from an address."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Final

from minuet.model.errors import InvalidInput

TLS_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")


def tls_context(options: Mapping[str, str]) -> ssl.SSLContext:
    """Certificates are always verified; `ssl_check_hostname=false` accepts one that names another
    host, for nodes that a cluster announces by number. Raises InvalidInput for files that cannot
    be read."""
    return _context(*(options.get(name, "") for name in TLS_OPTIONS))


@cache
def _context(ca_certs: str, certfile: str, keyfile: str, check_hostname: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_certs or None)
        if certfile:
            context.load_cert_chain(certfile, keyfile or None)
    except OSError as exc:
        raise InvalidInput(f"the certificates for Redis cannot be used: {exc}") from exc
    context.check_hostname = check_hostname.lower() not in ("false", "no", "0")
    return context
