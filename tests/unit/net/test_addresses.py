"""Which addresses count as public, and what an allow-list entry covers."""

import re
from ipaddress import ip_address

import pytest

from minuet.net.addresses import AllowList, is_global_unicast, parse_address


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
        "192.0.0.192", "168.63.129.16", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001:db8::1", "2001::1", "100::1", "fe80::1%eth0",
        "fec0::1", "3fff::1",
    ],
)  # fmt: skip
def test_what_is_not_global_unicast_is_refused(text: str) -> None:
    assert not is_global_unicast(parse_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "2002:808:808::1",
    ],
)  # fmt: skip
def test_public_addresses_pass(text: str) -> None:
    assert is_global_unicast(parse_address(text))


@pytest.mark.parametrize(
    ("entries", "host", "port", "address", "named"),
    [
        ("internal.example", "internal.example", 80, "10.0.0.1", True),
        ("Internal.Example", "internal.example.", 80, "10.0.0.1", True),
        ("internal.example", "evil.example", 80, "10.0.0.1", False),
        ("internal.example", "x.internal.example", 80, "10.0.0.1", False),
        ("internal.example:8080", "internal.example", 8080, "10.0.0.1", True),
        ("internal.example:8080", "internal.example", 80, "10.0.0.1", False),
        ("10.0.0.0/8", "any.example", 80, "10.9.9.9", True),
        ("10.0.0.0/8", "any.example", 80, "11.0.0.1", False),
        ("127.0.0.1", "127.1", 80, "127.0.0.1", True),
        ("127.0.0.1:9000", "localhost", 9000, "127.0.0.1", True),
        ("127.0.0.1:9000", "localhost", 9001, "127.0.0.1", False),
        ("127.0.0.0/8", "mapped.example", 80, "::ffff:127.0.0.1", True),
        ("::1", "localhost", 80, "::1", True),
        ("[::1]:80", "localhost", 80, "::1", True),
        ("[::1]:80", "localhost", 81, "::1", False),
        ("a.example, 10.0.0.0/8 b.example", "b.example", 1, "192.168.0.1", True),
        ("", "a.example", 1, "10.0.0.1", False),
    ],
)
def test_allow_list(entries: str, host: str, port: int, address: str, *, named: bool) -> None:
    assert AllowList.parse(entries).names(host, port, ip_address(address)) is named


@pytest.mark.parametrize(
    "entry", ["http://a.example", "a.example:99999", "a.example:x", "10.0.0.0/99"]
)
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=re.escape(entry)):
        AllowList.parse(entry)
