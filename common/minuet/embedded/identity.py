"""As whom Postgres runs: it refuses root, and a container's only user is often root."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from .child import launch_command
from .errors import ServerError

TRUE = "/bin/true"


@dataclass(frozen=True, slots=True)
class Identity:
    """`name` is what the launcher understands; `owner` the (uid, gid) that must own the data.

    `owner` is None where the files stay this process's own. `binaries` can be read by that user.
    """

    name: str
    owner: tuple[int, int] | None
    binaries: Path

    def hand_over(self, folder: Path) -> None:
        """Make the server's user the owner of `folder` and what is in it."""
        if self.owner is None or folder.stat().st_uid == self.owner[0]:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *self.owner)


async def server_identity(data_dir: Path, binaries: Path) -> Identity:
    """The user that exists already; for root, nobody in a user namespace; else nobody itself.

    In a namespace the files stay root's. Where namespaces are forbidden, the real user nobody must
    reach data and binaries: the latter are copied if need be. Raises ServerError if it cannot.
    """
    if os.geteuid() != 0:
        return Identity("same", None, binaries)
    if await _succeeds("namespace", [TRUE]):
        return Identity("namespace", None, binaries)
    return await _as_nobody(data_dir, binaries)


async def _as_nobody(data_dir: Path, binaries: Path) -> Identity:
    nobody = pwd.getpwnam("nobody")
    name, owner = f"{nobody.pw_uid}:{nobody.pw_gid}", (nobody.pw_uid, nobody.pw_gid)
    if not await _succeeds(name, ["/bin/ls", "-d", f"{data_dir}/."], owner=(data_dir, owner)):
        raise ServerError(
            f"Postgres refuses root, and the user nobody cannot reach {data_dir}: start as another "
            "user, or choose a folder such as /var/lib/minuet with MINUET_DATA_DIR"
        )
    if not await _succeeds(name, [str(binaries / "bin" / "postgres"), "--version"]):
        binaries = await asyncio.to_thread(_copy, binaries, data_dir / "binaries")
    return Identity(name, owner, binaries)


async def _succeeds(
    identity: str, command: list[str], owner: tuple[Path, tuple[int, int]] | None = None
) -> bool:
    if owner is not None:
        os.chown(owner[0], *owner[1])
    process = await asyncio.create_subprocess_exec(
        *launch_command(command, signal.SIGKILL, identity),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0


def _copy(source: Path, target: Path) -> Path:
    """Copy the installation with the libraries that the wheel keeps beside it."""
    for folder in (source, source.parent.parent / f"{source.parent.name}.libs"):
        if folder.exists():
            shutil.copytree(
                folder, target / folder.relative_to(source.parents[1]), dirs_exist_ok=True
            )
    return target / source.relative_to(source.parents[1])
