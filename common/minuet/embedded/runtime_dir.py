"""Short private folders for unix sockets, whose paths may not pass 107 bytes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from .errors import ServerError

BASE = Path("/tmp")  # noqa: S108 (mode and owner are checked below)


def runtime_dir(data_dir: Path) -> Path:
    """The folder for the sockets of the server whose data is in `data_dir`; always the same one."""
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()
    return BASE / f"minuet-{os.geteuid()}-{digest[:8]}"


def make_runtime_dir(data_dir: Path, owner: tuple[int, int] | None = None) -> Path:
    """Create the folder with mode 0700, or refuse one that somebody else made.

    `owner` is the (uid, gid) that the server will have, if not this process's own.
    """
    path = runtime_dir(data_dir)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        _check_is_ours(path, owner)
    if owner is not None:
        os.chown(path, *owner)
    return path


def _check_is_ours(path: Path, owner: tuple[int, int] | None) -> None:
    found = path.lstat()
    owners = {os.geteuid(), owner[0] if owner else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners or found.st_mode & 0o077:
        raise ServerError(f"{path} belongs to somebody else: remove it")
