"""Write `.env` for docker-compose.yml: the example with a random value for every empty secret.

A `.env` that is there keeps every value, for its passwords are those of the volumes; it only gets
the secrets that it lacks. The file can be read by its owner only.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from pathlib import Path

SECRETS = ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "MINUET_API_KEY", "MINUET_AGENT_KEY")


def filled(text: str) -> str:
    """`text` with every secret; one that is empty or absent gets 192 random bits, in letters that
    every address can hold."""
    for name in SECRETS:
        line = f"{name}={secrets.token_hex(24)}"
        if re.search(rf"^{name}=", text, re.MULTILINE):
            text = re.sub(rf"^{name}=$", line, text, flags=re.MULTILINE)
        else:
            text = f"{text.rstrip()}\n{line}\n"
    return text


def write(path: Path, text: str) -> None:
    """The whole file or none of it."""
    new = path.with_name(".env.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)


def main(folder: Path) -> int:
    path = folder / ".env"
    before = path.read_text() if path.exists() else ""
    text = filled(before or (folder / ".env.example").read_text())
    if text == before:
        print(".env has every secret: nothing to do")
        return 0
    write(path, text)
    print("Completed .env" if before else "Wrote .env")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[1]))
