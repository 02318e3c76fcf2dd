"""Outbound connections: which addresses may be dialled, and the one place that dials them."""

from .addresses import AllowList
from .dial import AddressRefused, Dialler, GuardedTransport

__all__ = ["AddressRefused", "AllowList", "Dialler", "GuardedTransport"]
