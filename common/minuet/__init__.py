"""Minuet: workflows in which HTTP services, Python code, people and agents take turns."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("minuet")
except PackageNotFoundError:  # imported from a source tree that was never installed
    __version__ = "0.0.0+source"

__all__ = ["__version__"]
