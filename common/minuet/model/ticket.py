"""Tickets: what a browser, which cannot send headers with a socket, shows in place of its key."""

from __future__ import annotations

import hashlib

import msgspec


class Ticket(msgspec.Struct, frozen=True):
    """Whom a ticket stands for. It is kept under `ticket_name` and never with its secret."""

    principal: str
    tenant: str


def ticket_name(secret: str) -> str:
    """What a ticket is stored under: whoever can read the store cannot use what is in it."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
