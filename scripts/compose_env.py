"""Write `.env` for docker-compose.yml: the example with a random value for every empty secret.

Refuses to touch a `.env` that is there, for its passwords are those of the volumes. The file can
be read by its owner only.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from pathlib import Path

SECRETS = ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "MINUET_API_KEY")


def filled(example: str) -> str:
    """The example with a secret of 192 random bits, in letters that every address can hold."""
    for name in SECRETS:
        value = secrets.token_hex(24)
        example = re.sub(rf"^{name}=$", f"{name}={value}", example, flags=re.MULTILINE)
    return example


def main(folder: Path) -> int:
    text = filled((folder / ".env.example").read_text())
    try:
        descriptor = os.open(folder / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(".env is there already: its passwords are those of the volumes", file=sys.stderr)
        return 1
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    print("Wrote .env")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[1]))
