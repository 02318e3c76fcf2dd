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
        ("redis+cluster://h1,", "between all its commas"),
        ("redis+cluster://", "between all its commas"),
        ("redis+cluster://h/3", "no numbered databases"),
        ("redis+cluster://h:notaport", "not an address"),
    ],
)
def test_other_addresses_are_refused(url: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Address.parse(url)


def test_a_cluster_is_named_by_some_of_its_nodes() -> None:
    address = Address.parse("redis+cluster://me:s%2Ccret@h1:7000,h2,[::1]:7002")
    assert address.is_cluster
    assert address.seeds == (("h1", 7000), ("h2", 6379), ("::1", 7002))
    assert str(address) == "redis+cluster://h1:7000,h2:6379,[::1]:7002"
    node = address.node("::1", 7002)
    assert not node.is_cluster
    assert node.greeting() == [("AUTH", "me", "s,cret")]
    assert node.url == "redis://me:s%2Ccret@[::1]:7002/0"


@pytest.mark.parametrize(
    "url",
    ["redis://h:7000/3", "redis://:pass@h:6379/0", "unix:///run/a%20b.sock?db=2",
     "rediss://me:pass@h:6379/0?ssl_check_hostname=false"],
)  # fmt: skip
def test_the_address_for_other_clients_is_the_one_that_was_given(url: str) -> None:
    assert Address.parse(url).url == url


def test_a_server_with_tls() -> None:
    address = Address.parse("rediss://h?ssl_check_hostname=false&db=9")
    assert address.tls is not None
    assert address.tls.check_hostname is False
    assert Address.parse("redis://h").tls is None
    with pytest.raises(InvalidInput, match="certificates"):
        _ = Address.parse("rediss://h?ssl_ca_certs=/nowhere.pem").tls
