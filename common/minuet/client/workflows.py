"""/workflows"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from .answers import decode
from .paging import every
from .paths import segment
from .transport import Transport
from .views import Applied, Verdict, Version, VersionLine, VersionPage, WorkflowLine, WorkflowPage


class Workflows:
    """Versions of workflows. A document is the value of its YAML or JSON."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def apply(self, document: Any) -> Applied:
        """Make the document the latest version of the workflow that it names.

        Repeating it changes nothing. Raises InvalidDocument, with every fault, and TooLarge.
        """
        response = self._transport.send(
            "POST", "/workflows", body={"document": document}, repeatable=True
        )
        applied = decode(response, Applied)
        return msgspec.structs.replace(applied, created=response.status_code == 201)

    def replace(self, name: str, document: Any, *, if_match: str) -> Applied:
        """Make the document the latest version unless somebody was quicker: Conflict."""
        response = self._transport.send(
            "PUT", f"/workflows/{segment(name)}", body={"document": document},
            headers={"If-Match": if_match},
        )  # fmt: skip
        return decode(response, Applied)

    def validate(self, document: Any) -> Verdict:
        """Compile the document without storing it."""
        return self._transport.post(
            "/workflows/validate", Verdict, {"document": document}, repeatable=True
        )

    def show(self, name: str, version: int | None = None) -> Version:
        """One version, without `version` the latest. Raises NotFound."""
        path = f"/workflows/{segment(name)}"
        if version is not None:
            path += f"/versions/{version}"
        response = self._transport.send("GET", path, repeatable=True)
        shown = decode(response, Version)
        return msgspec.structs.replace(shown, etag=response.headers.get("etag", ""))

    def page(self, cursor: str | None = None, limit: int | None = None) -> WorkflowPage:
        return self._transport.get("/workflows", WorkflowPage, {"cursor": cursor, "limit": limit})

    def list(self, limit: int | None = None) -> Iterator[WorkflowLine]:
        """Every workflow, or the first `limit`."""
        return every(self.page, limit)

    def versions(self, name: str, limit: int | None = None) -> Iterator[VersionLine]:
        """The versions of a workflow, newest first."""

        def fetch(cursor: str | None) -> VersionPage:
            return self._transport.get(
                f"/workflows/{segment(name)}/versions", VersionPage, {"cursor": cursor}
            )

        return every(fetch, limit)

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Hide the workflow from lists and starts; its runs go on."""
        headers = {"If-Match": if_match} if if_match else None
        self._transport.send("DELETE", f"/workflows/{segment(name)}", headers=headers)
