"""The client that commands talk through."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from minuet.client import Client


def connect(ctx: typer.Context, *, patience_s: float = 3.0) -> Client:
    """A client for the suite that `--url`, the environment or the folder names."""
    return quiet_client((ctx.find_root().obj or {}).get("url"), patience_s=patience_s)


def quiet_client(url: str | None = None, *, patience_s: float) -> Client:
    """A client whose retries are not told: they are not for a person's screen."""
    import stamina

    from minuet.client import Client

    stamina.instrumentation.set_on_retry_hooks([])
    return Client.find(url, patience_s=patience_s)
