"""The client: one object a suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from minuet.expr.paths import MISSING, extract, parse_path
from minuet.model.errors import NotFound

from .approvals import Approvals
from .dead_letters import DeadLetters
from .keys import Keys
from .location import find_location
from .paths import segment
from .runs import Runs
from .transport import Transport
from .views import Info, NodeType, NodeTypeList, Worker, WorkerList
from .workflows import Workflows

if TYPE_CHECKING:
    import httpx


class Client:
    """Everything the API offers; synchronous. Close it, or use it with `with`.

    Reading, and whatever carries an idempotency key, is repeated for up to `patience_s` seconds
    while the suite is away. Use one client a thread.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        patience_s: float = 5.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._transport = Transport(url, api_key, patience_s=patience_s, transport=transport)
        self.workflows = Workflows(self._transport)
        self.runs = Runs(self._transport)
        self.approvals = Approvals(self._transport)
        self.dead_letters = DeadLetters(self._transport)
        self.keys = Keys(self._transport)

    @classmethod
    def find(
        cls, url: str | None = None, api_key: str | None = None, *, patience_s: float = 5.0
    ) -> Self:
        """For the suite of MINUET_URL and MINUET_API_KEY, or the local one. Raises NoSuite."""
        location = find_location(url, api_key)
        return cls(location.url, location.api_key, patience_s=patience_s)

    @property
    def url(self) -> str:
        return self._transport.url

    def info(self) -> Info:
        return self._transport.get("/info", Info)

    def node_types(self) -> list[NodeType]:
        """Every node type that is built in or was ever registered by a worker, by name."""
        return self._transport.get("/node-types", NodeTypeList).items

    def node_type(self, name: str) -> NodeType:
        return self._transport.get(f"/node-types/{segment(name)}", NodeType)

    def workers(self) -> list[Worker]:
        """The workers that are alive."""
        return self._transport.get("/workers", WorkerList).items

    def blob(self, digest: str) -> Any:
        """The JSON value with this digest, as `output_ref` and the like name it."""
        return self._transport.get(f"/blobs/{segment(digest)}", Any)

    def resolve(self, ref: Mapping[str, Any]) -> Any:
        """The value that `output_ref`, or one entry of `outputs_ref`, stands for. Raises NotFound.

        Such a reference may mean a part of the blob that it names.
        """
        value = extract(self.blob(ref["$cas"]), parse_path(ref.get("path", "")))
        if value is MISSING:
            raise NotFound(f"blob {ref['$cas']} has nothing at {ref['path']}")
        return value

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
