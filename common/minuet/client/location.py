"""Where the suite is: given, from the environment, or found as a local suite nearby."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minuet.embedded.suite_file import DEFAULT_DATA_DIR, read_api_key, read_suite_file
from minuet.model.errors import Unavailable

URL = "MINUET_URL"
API_KEY = "MINUET_API_KEY"
DATA_DIR = "MINUET_DATA_DIR"


@dataclass(frozen=True, slots=True)
class Location:
    """`source` says in words where address and key came from."""

    url: str
    api_key: str | None = field(repr=False)
    source: str


class NoSuite(Unavailable):
    """No address was given and no local suite runs here."""

    code = "no_suite"


def find_location(
    url: str | None = None,
    api_key: str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    start: Path | None = None,
) -> Location:
    """What was given wins, then MINUET_URL and MINUET_API_KEY, then the local suite.

    A local suite is looked for in MINUET_DATA_DIR, or in `.minuet` here and in each folder above.
    Its key is only ever sent to its own address. Raises NoSuite.
    """
    env = os.environ if env is None else env
    url = url or env.get(URL) or None
    api_key = api_key or env.get(API_KEY) or None
    data_dir = find_data_dir(env, start or Path.cwd())
    suite = read_suite_file(data_dir) if data_dir else None
    if url is not None:
        if api_key is None and data_dir and suite and suite.url.rstrip("/") == url.rstrip("/"):
            api_key = read_api_key(data_dir)
        return Location(url.rstrip("/"), api_key, "the address that was given")
    if data_dir is None or suite is None:
        raise NoSuite(_no_suite(data_dir))
    return Location(
        suite.url.rstrip("/"), api_key or read_api_key(data_dir), f"the local suite in {data_dir}"
    )


def find_data_dir(env: Mapping[str, str], start: Path) -> Path | None:
    """The data directory of the nearest running suite, else of the nearest one at all."""
    if env.get(DATA_DIR):
        return Path(env[DATA_DIR])
    found = [
        folder / DEFAULT_DATA_DIR
        for folder in (start, *start.parents)
        if (folder / DEFAULT_DATA_DIR).is_dir()
    ]
    return next((each for each in found if read_suite_file(each)), found[0] if found else None)


def _no_suite(data_dir: Path | None) -> str:
    where = f"in {data_dir}" if data_dir else "here or in a folder above"
    return f"no suite runs {where}: start one with `minuet up`, or set {URL} and {API_KEY}"
