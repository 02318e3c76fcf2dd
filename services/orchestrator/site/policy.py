"""What a browser may do on our pages."""

from __future__ import annotations

import re
from typing import Final

NONCE_MARK: Final = "__CSP_NONCE__"

_SOCKET_URL: Final = re.compile(r"wss?://[A-Za-z0-9.:\[\]-]+")


def security_headers(nonce: str, socket_url: str) -> dict[str, str]:
    """Headers of the page. Nothing comes from another host, and no script stands in the page.

    Styles: the files, and elements that carry `nonce`: the editor and the dialogs make such
    elements while they run. Connections: this server, and the sockets at `socket_url`, which are
    on a port of their own.
    """
    sockets = socket_url if _SOCKET_URL.fullmatch(socket_url) else ""
    policy = {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": f"'self' 'nonce-{nonce}'",
        "connect-src": f"'self' {sockets}".rstrip(),
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
