"""Which addresses are global unicast, and the allow-list that names exceptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The IANA special-purpose registries, spelled out: `is_global` of the standard library changed its
# mind between patch releases. 168.63.129.16 is a cloud's metadata service on a public address.
REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",
    )
)  # fmt: skip
GLOBAL_V6 = IPv6Network("2000::/3")
REFUSED_V6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20", "2620:4f:8000::/48")
)
NAT64 = IPv6Network("64:ff9b::/96")


def is_global_unicast(address: Address) -> bool:
    """Whether the public internet routes to this one host.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) count as the IPv4 address.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    embedded = embedded_v4(address)
    if embedded is not None:
        return is_global_unicast(embedded)
    return address in GLOBAL_V6 and not any(address in network for network in REFUSED_V6)


def embedded_v4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 host that a mapped, 6to4 or NAT64 address leads to."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def parse_address(text: str) -> Address:
    """An address as the resolver prints it; a zone ("%eth0") is dropped."""
    return ip_address(text.split("%", 1)[0])


@dataclass(frozen=True, slots=True)
class AllowList:
    """Destinations that may be dialled although they are not global unicast.

    Entries, separated by commas or spaces: a host name or address, the same with `:port`
    (IPv6 then in brackets), or a network ("10.1.0.0/16"). A name allows whatever it resolves to.
    """

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[Network, int | None], ...] = ()

    @classmethod
    def parse(cls, text: str | Iterable[str]) -> AllowList:
        """Raises ValueError naming the entry that is no host, host:port or network."""
        entries = text.replace(",", " ").split() if isinstance(text, str) else list(text)
        hosts: set[tuple[str, int | None]] = set()
        networks: list[tuple[Network, int | None]] = []
        for entry in entries:
            host, port = split_port(entry)
            network = as_network(host)
            if network is not None:
                networks.append((network, port))
            elif is_plain_name(host):
                hosts.add((normal_name(host), port))
            else:
                raise ValueError(f"not a host, host:port or network: {entry!r}")
        return cls(frozenset(hosts), tuple(networks))

    def names(self, host: str, port: int, address: Address) -> bool:
        """Whether an entry names this destination, by the name that was asked for or by address."""
        name = normal_name(host)
        if (name, None) in self.hosts or (name, port) in self.hosts:
            return True
        forms = [address]
        if isinstance(address, IPv6Address) and (embedded := embedded_v4(address)) is not None:
            forms.append(embedded)
        return any(
            form.version == network.version and form in network
            for network, only_port in self.networks
            if only_port is None or only_port == port
            for form in forms
        )


def normal_name(host: str) -> str:
    return host.lower().rstrip(".").strip("[]")


def is_plain_name(host: str) -> bool:
    return bool(host) and all(c.isalnum() or c in "-_." for c in host)


def as_network(host: str) -> Network | None:
    try:
        return ip_network(host.strip("[]"), strict=False)
    except ValueError:
        return None


def split_port(entry: str) -> tuple[str, int | None]:
    """`("host", port)`; a bare IPv6 address has colons but no port."""
    host, colon, port = entry.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        return entry, None
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"not a port: {entry!r}")
    return host, int(port)
