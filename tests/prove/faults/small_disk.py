"""A disk of its own for a server, small enough to be filled."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

IN_NAMESPACE = "PROVE_IN_NAMESPACE"
BLOCK = bytes(4096)


class SmallDisk:
    """`path` is its root."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Take all the room there is; again what others gave free meanwhile."""
        with self._ballast.open("ab", buffering=0) as file, suppress_full_disk():
            while True:
                file.write(BLOCK)

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def suppress_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise


@contextmanager
def mounted(path: Path, size_mib: int) -> Iterator[SmallDisk | None]:
    """In memory; None where this process may not mount."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=755", "tmpfs", str(path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


def run_in_namespace(node_id: str, folder: Path) -> None:
    """Run the test again where mounting is allowed: in a user namespace of its own. Skips where
    that is forbidden too."""
    allowed = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    with suppress(FileNotFoundError):
        if subprocess.run(allowed, capture_output=True, check=False).returncode == 0:
            assert IN_NAMESPACE not in os.environ, "mounting is allowed, and not allowed"
            command = ["unshare", "-rm", sys.executable, "-m", "pytest", "-q", "-s", node_id]
            subprocess.run(command, env=os.environ | {IN_NAMESPACE: "1"}, check=True)
            return
    pytest.skip("neither mounting nor user namespaces are allowed here")
