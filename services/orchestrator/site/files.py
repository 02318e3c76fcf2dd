"""The built site in memory, as Vite left it in its folder."""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Of a checkout. An installed package has none there, and says so in its page.
DEFAULT_DIR: Final = Path(__file__).resolve().parents[3] / "frontend" / "dist"

_NOT_EVERYWHERE_KNOWN: Final = {
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".js": "text/javascript",
}
_COMPRESSED: Final = ("text/", "image/svg", "application/json")


@dataclass(frozen=True, slots=True)
class Asset:
    """`gzipped` is None where compression gains nothing."""

    media_type: str
    body: bytes
    gzipped: bytes | None


@dataclass(frozen=True, slots=True)
class Build:
    """One build: its page and the assets that this page names, never those of another build."""

    page: str
    assets: dict[str, Asset]


class Site:
    """Reads the folder once, and again when its page has changed, so that a new build shows
    without a restart."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or DEFAULT_DIR
        self._build: Build | None = None
        self._read_at: int | None = None

    def build(self) -> Build | None:
        """None if the folder holds no site."""
        page = self._folder / "index.html"
        try:
            changed_at = page.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._build = _read(self._folder)
                self._read_at = changed_at
        except FileNotFoundError:
            # Never built, or a build is writing just now: what was read before still holds.
            return self._build
        return self._build


def _read(folder: Path) -> Build:
    page = (folder / "index.html").read_text(encoding="utf-8")
    files = (path for path in (folder / "assets").iterdir() if path.is_file())
    return Build(page, {path.name: _asset(path) for path in files})


def _asset(path: Path) -> Asset:
    media_type = _NOT_EVERYWHERE_KNOWN.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    media_type = media_type or "application/octet-stream"
    body = path.read_bytes()
    gzipped = gzip.compress(body, 6, mtime=0) if media_type.startswith(_COMPRESSED) else None
    return Asset(media_type, body, gzipped)
