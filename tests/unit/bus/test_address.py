"""Addresses of Redis servers."""

from __future__ import annotations

import pytest

from minuet.bus.address import Address
from minuet.model.errors import InvalidInput


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "db"),
    [
        ("redis://localhost", "localhost", 6379, "", 0),
        ("redis://h:7000/3", "h", 7000, "", 3),
        ("unix:///run/a b.sock", "", 0, "/run/a b.sock", 0),
        ("unix:///run/a%20b.sock?db=2", "", 0, "/run/a b.sock", 2),
    ],
)
def test_address_is_read(url: str, host: str, port: int, path: str, db: int) -> None:
    address = Address.parse(url)
    assert (address.host, address.port, address.path, address.db) == (host, port, path, db)


def test_greeting_logs_in_and_selects() -> None:
    address = Address.parse("redis://me:s%20cret@h/2")
    assert address.greeting() == [("AUTH", "me", "s cret"), ("SELECT", 2)]
    assert Address.parse("redis://:only@h").greeting() == [("AUTH", "only")]
    assert Address.parse("redis://h").greeting() == []


def test_password_is_not_shown() -> None:
    address = Address.parse("redis://me:secret@h/2")
    assert "secret" not in repr(address)
    assert "secret" not in str(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "reads redis://"),
        ("http://h", "reads redis://"),
        ("unix://", "reads redis://"),
        ("redis://h:notaport", "not an address"),
        ("redis://h/notadb", "not an address"),
        ("rediss://h", "TLS"),
    ],
)
def test_other_addresses_are_refused(url: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Address.parse(url)
