"""Become another program that cannot outlive the process that started it.

Run as a script, isolated and without site-packages, because it stands between the supervisor and
each child and must start within milliseconds:

    python -I -S launch.py <death signal> <parent pid> <identity> -- <program> <argument>...

`identity` is `same`, `namespace` (a user namespace in which this user is nobody; for programs that
refuse root) or `uid:gid`. Linux only: elsewhere the death signal is left out.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534


def main(arguments: list[str]) -> None:
    death_signal, parent_pid, identity, separator, *command = arguments
    if separator != "--" or not command:
        sys.exit("launch: expected <signal> <parent> <identity> -- <program>")
    become(identity)
    die_with_parent(int(death_signal), int(parent_pid))
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)


def become(identity: str) -> None:
    """Change user before the death signal is asked for: a change of credentials clears it."""
    if identity == "namespace":
        enter_namespace_as_nobody()
    elif identity != "same":
        uid, gid = (int(part) for part in identity.split(":"))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def enter_namespace_as_nobody() -> None:
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are forbidden here")
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 (pathlib costs start-up time)
            file.write(content)


def die_with_parent(death_signal: int, parent_pid: int) -> None:
    """Ask for the signal, then look whether the parent died before we asked."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        sys.exit("launch: the parent is gone")


if __name__ == "__main__":
    main(sys.argv[1:])
