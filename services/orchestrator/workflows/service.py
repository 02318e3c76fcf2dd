"""Versions of workflows: applied, looked up, resolved for a start."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from minuet.model.errors import InvalidDocument, InvalidInput, NotFound
from minuet.store import page, workflows
from minuet.store.database import Database
from minuet.store.workflows import VersionRow
from minuet.views.workflows import Verdict, VersionLine, VersionPage, WorkflowLine, WorkflowPage

from ..auth import Principal
from ..batcher import Batcher
from ..definitions import Definition, Definitions
from ..errors import InvalidBody, PreconditionFailed
from .schemas import Applied, VersionView

if TYPE_CHECKING:
    from minuet.store.database import Connection

_REFERENCE: Final = re.compile(r"(?P<name>[^@]{1,200})(?:@(?P<tag>latest|[1-9][0-9]{0,8}))?")

Wanted = tuple[str, str, int | None]


class Workflows:
    def __init__(self, db: Database, definitions: Definitions) -> None:
        self._db = db
        self._definitions = definitions
        self._resolver: Batcher[Wanted, VersionRow | None] = Batcher(self._find)

    async def validate(self, principal: Principal, document: Any, size_bytes: int) -> Verdict:
        compiled = await self._definitions.compile(
            principal.tenant, document, size_bytes=size_bytes
        )
        return Verdict(compiled.ir is not None, list(compiled.diagnostics))

    async def apply(
        self,
        principal: Principal,
        document: Any,
        size_bytes: int,
        *,
        name: str | None = None,
        if_match: str | None = None,
    ) -> tuple[Applied, str, bool]:
        """Make the document the latest version. Also its ETag, and whether the version is new.

        With `name` the workflow must exist under it, at the version that `if_match` names.
        Raises InvalidDocument, NotFound, PreconditionFailed.
        """
        compiled = await self._definitions.compile(
            principal.tenant, document, size_bytes=size_bytes
        )
        if compiled.ir is None:
            raise InvalidDocument(compiled.diagnostics)
        if name is not None and compiled.ir.workflow != name:
            raise InvalidBody(
                f"the document's name is {compiled.ir.workflow!r}, not {name!r}",
                pointer="/document/name",
            )
        definition = await self._definitions.store(principal.tenant, document, compiled)
        async with self._db.transaction() as c:
            await workflows.lock_workflow(c, principal.tenant, definition.name)
            if name is not None:
                await self._check(c, principal.tenant, name, if_match)
            row, new = await self._write(c, principal, definition)
        applied = Applied(row.name, row.version, row.digest, list(compiled.diagnostics))
        return applied, row.document_digest, new

    async def delete(self, principal: Principal, name: str, if_match: str | None) -> None:
        """Raises NotFound, PreconditionFailed. Versions and runs stay."""
        async with self._db.transaction() as c:
            await workflows.lock_workflow(c, principal.tenant, name)
            await self._check(c, principal.tenant, name, if_match)
            await workflows.mark_deleted(c, principal.tenant, name)

    async def _check(self, c: Connection, tenant: str, name: str, if_match: str | None) -> None:
        (latest,) = await workflows.find_versions(c, [(tenant, name, None)])
        if latest is None:
            raise NotFound(f"there is no workflow {name!r}")
        etag = f'"{latest.document_digest}"'
        if if_match not in (None, "*") and etag not in _etags(if_match or ""):
            raise PreconditionFailed(
                f"the latest version is {latest.version} ({latest.document_digest})", etag=etag
            )

    async def _write(
        self, c: Connection, principal: Principal, definition: Definition
    ) -> tuple[VersionRow, bool]:
        tenant, name = principal.tenant, definition.name
        row = await workflows.find_digest(c, tenant, name, definition.digest)
        new = row is None
        if row is None:
            row = VersionRow(
                name=name,
                version=await workflows.latest_number(c, tenant, name) + 1,
                digest=definition.digest,
                document_digest=definition.document_digest,
                ir_digest=definition.ir_digest,
                created_at=datetime.now(UTC),
                principal=principal.id,
            )
            await workflows.add_version(c, tenant, row)
        elif (row.ir_digest, row.document_digest) != (
            definition.ir_digest,
            definition.document_digest,
        ):
            row = msgspec.structs.replace(
                row, ir_digest=definition.ir_digest, document_digest=definition.document_digest
            )
            await workflows.set_content(c, tenant, row)
        await workflows.point_to(c, tenant, name, row.version)
        return row, new

    async def lines(self, principal: Principal, cursor: str | None, limit: int) -> WorkflowPage:
        after = page.decode_position(cursor) if cursor else None
        async with self._db.connection() as c:
            rows = await workflows.list_workflows(c, principal.tenant, after=after, limit=limit)
        items = [
            WorkflowLine(row.name, row.latest_version, row.digest, row.created_at, row.updated_at)
            for row in rows[:limit]
        ]
        if len(rows) <= limit:
            return WorkflowPage(items)
        last = page.Position(rows[limit - 1].updated_at, rows[limit - 1].name)
        return WorkflowPage(items, page.encode_position(last))

    async def versions(
        self, principal: Principal, name: str, cursor: str | None, limit: int
    ) -> VersionPage:
        (before,) = page.decode_cursor(cursor, tuple[int]) if cursor else (None,)
        async with self._db.connection() as c:
            rows = await workflows.list_versions(
                c, principal.tenant, name, before=before, limit=limit
            )
        if not rows and before is None:
            raise NotFound(f"there is no workflow {name!r}")
        items = [
            VersionLine(row.name, row.version, row.digest, row.created_at, row.principal)
            for row in rows[:limit]
        ]
        more = len(rows) > limit
        return VersionPage(items, page.encode_cursor(items[-1].version) if more else None)

    async def show(
        self, principal: Principal, name: str, version: int | None
    ) -> tuple[VersionView, str]:
        """A version, without `version` the latest one, and its ETag. Raises NotFound."""
        row = await self._resolver.submit((principal.tenant, name, version))
        if row is None:
            raise NotFound(_missing(name, version))
        data = await self._definitions.blob(principal.tenant, row.document_digest)
        document = msgspec.json.decode(data)
        shown = VersionView(
            row.name, row.version, row.digest, row.created_at, row.principal, document
        )
        return shown, row.document_digest

    async def resolve(self, principal: Principal, reference: str) -> Definition:
        """The definition that `name`, `name@latest` or `name@<version>` means now.

        Raises InvalidInput, NotFound.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise InvalidInput(
                "a workflow is named `name`, `name@latest` or `name@<version>`", pointer="/workflow"
            )
        name, tag = match["name"], match["tag"]
        version = int(tag) if tag and tag != "latest" else None
        row = await self._resolver.submit((principal.tenant, name, version))
        if row is None:
            raise NotFound(_missing(name, version), pointer="/workflow")
        return await self._definitions.load(principal.tenant, row)

    async def _find(self, wanted: list[Wanted]) -> list[VersionRow | None]:
        """One query for all, each row asked for once."""
        distinct = list(dict.fromkeys(wanted))
        async with self._db.connection() as c:
            found = dict(zip(distinct, await workflows.find_versions(c, distinct), strict=True))
        return [found[key] for key in wanted]


def _etags(if_match: str) -> list[str]:
    return [part.strip().removeprefix("W/") for part in if_match.split(",")]


def _missing(name: str, version: int | None) -> str:
    of = "" if version is None else f" version {version} of"
    return f"there is no{of} workflow {name!r}"
