"""A Valkey whose disk is busy when told: it goes on answering, and keeps what it should write."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minuet.embedded.valkey import ValkeyServer, valkey_binary

SOURCE = Path(__file__).with_name("slow_sync.c")


class SlowDisk:
    """Made in `folder`; needs a C compiler, as the build of Minuet does."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._busy = folder / "busy"
        library = folder / "slow_sync.so"
        compile_ = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(compile_, check=True)
        starter = folder / "valkey"
        starter.write_text(
            "#!/bin/sh\n"
            f"LD_PRELOAD={shlex.quote(str(library))} SLOW_SYNC={shlex.quote(str(self._busy))} "
            f'exec {shlex.quote(str(valkey_binary()))} "$@"\n'
        )
        starter.chmod(0o755)
        self.valkey = ValkeyServer(folder / "data", binary=starter)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """No fsync returns while the block goes on."""
        self._busy.touch()
        try:
            yield
        finally:
            self._busy.unlink()
