"""The Litestar application over an assembled core."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide

from . import problems
from .approvals.routes import router as approvals
from .auth import require_key
from .blobs.routes import router as blobs
from .blockers.routes import router as blockers
from .core import Core
from .dead_letters.routes import router as dead_letters
from .keys.routes import router as keys
from .meta.openapi import CONFIG, docs, openapi_json
from .meta.routes import probes
from .meta.routes import router as meta
from .node_types.routes import router as node_types
from .patches.routes import router as patches
from .retention.routes import router as retention
from .retries.routes import router as retries
from .runs.routes import router as runs
from .site.routes import handlers as site
from .tickets.routes import router as tickets
from .workers.routes import router as workers
from .workflows.routes import router as workflows


def create_app(core: Core) -> Litestar:
    """The API with its probes. Starts no duties: whoever serves it runs `core.duties()` too."""
    api = Router(
        "/api/v1",
        guards=[require_key],
        route_handlers=[
            workflows,
            runs,
            blockers,
            patches,
            retries,
            retention,
            dead_letters,
            approvals,
            node_types,
            workers,
            blobs,
            tickets,
            keys,
            meta,
        ],
    )
    public = Router("/api/v1", route_handlers=[openapi_json, docs])

    def provide_core(request: Request[Any, Any, Any]) -> Core:
        return core

    return Litestar(
        route_handlers=[api, public, *probes, *site],
        dependencies={"core": Provide(provide_core, sync_to_thread=False)},
        exception_handlers={Exception: problems.handle},
        openapi_config=CONFIG,
        state=State({"core": core}),
        debug=False,
        logging_config=None,
        request_max_body_size=None,
    )
