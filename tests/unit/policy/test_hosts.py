"""Which host an address certainly leads to, and which rules allow it."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.policy.hosts import Origin, allows, literal_origin, wider


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://api.example.com", Origin("api.example.com", 443)),
        ("https://api.example.com/", Origin("api.example.com", 443)),
        ("HTTPS://API.Example.COM/x", Origin("api.example.com", 443)),
        ("https://api.example.com./x", Origin("api.example.com", 443)),
        ("http://api.example.com:8080?q=1", Origin("api.example.com", 8080)),
        ("http://api.example.com#part", Origin("api.example.com", 80)),
        ("https://api.example.com/${inputs.x}", Origin("api.example.com", 443)),
        ("https://api.example.com?x=${inputs.x}", Origin("api.example.com", 443)),
        ("https://api.example.com/$${x}@evil.test/", Origin("api.example.com", 443)),
        ("http://127.0.0.1:8077/calls", Origin("127.0.0.1", 8077)),
    ],
)
def test_an_origin_is_read_where_nothing_can_change_it(address: str, origin: Origin) -> None:
    assert literal_origin(address) == origin


@pytest.mark.parametrize(
    "address",
    [
        "",
        "${inputs.url}",
        "${inputs.scheme}://api.example.com/",
        "https://${inputs.host}/",
        "https://api.example.com${inputs.rest}",
        "https://api.example.com:${inputs.port}/",
        "https://api.example.com:80${inputs.port}/",
        "https://${inputs.sub}.example.com/",
        "https://api.example.com@evil.test/",
        "https://user:word@api.example.com/",
        "https://api.example.com:443@evil.test/",
        "https://api.example.com:@evil.test/",
        "https://$${x}@api.example.com/",
        "https://api.example.com\\@evil.test/",
        "https:\\\\api.example.com/",
        "https:api.example.com",
        "https:///api.example.com/",
        "//api.example.com/",
        " https://api.example.com/",
        "https://api.example.com\t.evil.test/",
        "https://api.example.com\n/",
        "https://api.example.com%2eevil.test/",
        "https://%61pi.example.com/",
        "https://\uff41pi.example.com/",
        "https://api.example.com\u3002evil.test/",
        "https://api.ex\u0430mple.com/",
        "https://api.exam\u212aple.com/",
        "https://b\u00fccher.example/",
        "https://api.example.com\u2044evil.test/",
        "https://[::1]/",
        "https://api.example.com:0/",
        "https://api.example.com:65536/",
        "https://api.example.com:1\u0663/",
        "https://./",
        "https://api.example.com../",
        "ftp://api.example.com/",
        "https://api.example.com;evil.test/",
        "https://api.example.com/${inputs.x",
    ],
)
def test_no_origin_where_it_could_be_read_otherwise(address: str) -> None:
    assert literal_origin(address) is None


@given(st.text("ahtps:/\\@.%#?[]0123456789${} xyz\t", max_size=40).map("http://a.test".__add__))
def test_an_origin_is_the_one_that_is_dialled(address: str) -> None:
    """The HTTP client reads the host of whatever is accepted in the same way."""
    origin = literal_origin(address)
    if origin is None or "${" in address:
        return
    try:
        dialled = httpx.URL(address)
    except httpx.InvalidURL:
        return
    assert (dialled.host.rstrip("."), dialled.port or 80) == origin


@pytest.mark.parametrize(
    ("rule", "host", "port", "allowed"),
    [
        ("api.example.com", "api.example.com", 443, True),
        ("API.example.com.", "api.EXAMPLE.com", 80, True),
        ("api.example.com:443", "api.example.com", 443, True),
        ("api.example.com:443", "api.example.com", 8443, False),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "evilexample.com", 443, False),
        ("*", "example.com", 443, False),
        ("${inputs.host}", "example.com", 443, False),
        ("127.0.0.1", "2130706433", 80, False),
    ],
)
def test_rules_name_hosts(rule: str, host: str, port: int, allowed: bool) -> None:
    assert allows([rule], host, port) is allowed


@pytest.mark.parametrize(
    ("inner", "outer", "more"),
    [
        (["a.test"], ["a.test"], []),
        (["a.test:80"], ["a.test"], []),
        (["a.test"], ["a.test:80"], ["a.test"]),
        (["x.a.test", "*.x.a.test", "*.a.test"], ["*.a.test"], []),
        (["a.test"], ["*.a.test"], ["a.test"]),
        (["*.test"], ["*.a.test"], ["*.test"]),
        (["*.a.test"], ["a.test"], ["*.a.test"]),
        (["${inputs.h}"], ["${inputs.h}"], ["${inputs.h}"]),
    ],
)
def test_rules_are_compared_by_what_they_allow(
    inner: list[str], outer: list[str], more: list[str]
) -> None:
    assert wider(inner, outer) == more
