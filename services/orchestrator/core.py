"""The parts of the orchestrator and how they are put together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from litestar.di import NamedDependency

from minuet.settings import FanoutSettings, OrchestratorSettings, RetentionSettings
from minuet.store.database import Database

from .admission import Admission
from .approvals.service import Approvals
from .auth import Authenticator
from .blockers.service import WhyNot
from .dead_letters.service import DeadLetters
from .definitions import Definitions
from .granting import Granting
from .keys.service import Keys
from .node_types.service import NodeTypes
from .partitions import Partitions
from .patches.service import Patches
from .ports import Bus, Cas
from .reconciler import Reconciler
from .recorded import Recorded
from .relay import Relay
from .retention.cache import Cache
from .retention.deleting import Deleter
from .retention.duty import Retention
from .retention.renewal import Renewal
from .retries.service import Retrier
from .runs.commanding import Commander
from .runs.intake import Intake
from .runs.service import Runs
from .runs.starting import Starter
from .site.files import Site
from .tickets.service import Tickets
from .workflows.service import Workflows


@dataclass(slots=True)
class Core:
    settings: OrchestratorSettings
    db: Database
    bus: Bus
    cas: Cas
    authenticator: Authenticator
    admission: Admission
    partitions: Partitions
    types: NodeTypes
    recorded: Recorded
    relay: Relay
    granting: Granting
    workflows: Workflows
    runs: Runs
    starter: Starter
    commander: Commander
    why_not: WhyNot
    approvals: Approvals
    patches: Patches
    retrier: Retrier
    dead_letters: DeadLetters
    intake: Intake
    tickets: Tickets
    keys: Keys
    site: Site
    deleter: Deleter
    retention: Retention

    def duties(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs beside the API until it is cancelled; each heals itself."""
        return {
            "admission": self.admission.watch(),
            "partitions": self.partitions.keep_fresh(),
            "node_types": self.types.keep_fresh(),
            "announcements": self.recorded.listen(),
            "relay": self.relay.send_offered(),
            "sweep": self.relay.sweep_for_ever(),
            "hand_over": self.granting.hand_over_for_ever(),
            "grants": self.granting.sweep_for_ever(),
            "retention": self.retention.run(asyncio.Event()),
            "reconciler": self.reconciler().run(asyncio.Event()),
        }

    def reconciler(self) -> Reconciler:
        return Reconciler(
            self.db, self.bus, self.cas, interval_s=self.settings.reconcile_interval_s,
            on_loss=self.relay.forget_cached,
        )  # fmt: skip

    async def prepare(self) -> None:
        """What must be known before the first request. Raises Unavailable."""
        if self.settings.bootstrap_api_key is not None:
            await self.authenticator.bootstrap(self.settings.bootstrap_api_key)
        if self.settings.agent_api_key is not None:
            await self.authenticator.bootstrap_agent(self.settings.agent_api_key)
        await self.partitions.load()
        await self.admission.look()
        await self.types.refresh()

    async def unready(self) -> str | None:
        """Why requests cannot be served, or None."""
        return await self.db.check()

    async def drain(self) -> None:
        """Finish writing what was accepted, and send it."""
        await self.intake.drain()
        await self.relay.flush()


def assemble(
    settings: OrchestratorSettings,
    db: Database,
    bus: Bus,
    cas: Cas,
    fanout: FanoutSettings | None = None,
    retention: RetentionSettings | None = None,
) -> Core:
    partitions = Partitions(db, bus, at_least=settings.partitions)
    admission = Admission(bus, lambda: partitions.known)
    types = NodeTypes(db, bus)
    recorded = Recorded(db, bus)
    relay = Relay(db, bus, cas, admission)
    definitions = Definitions(db, cas, types)
    authenticator = Authenticator(db)
    workflows = Workflows(db, definitions)
    runs = Runs(db, definitions, recorded)
    intake = Intake(db, relay)
    commander = Commander(db, runs, relay, recorded)
    starter = Starter(
        db=db, cas=cas, workflows=workflows, definitions=definitions, intake=intake,
        admission=admission, partitions=partitions,
    )  # fmt: skip
    cache = Cache(db, bus)
    deleter = Deleter(db, bus, cache)
    retrier = Retrier(
        db=db, cas=cas, runs=runs, workflows=workflows, definitions=definitions, starter=starter
    )
    return Core(
        settings=settings, db=db, bus=bus, cas=cas, authenticator=authenticator,
        admission=admission, partitions=partitions, types=types, recorded=recorded, relay=relay,
        granting=Granting(db, relay, recorded),
        workflows=workflows, runs=runs, starter=starter,
        commander=commander, why_not=WhyNot(db, bus, runs, definitions, admission),
        approvals=Approvals(db, commander), intake=intake,
        patches=Patches(db, runs, definitions, commander, recorded),
        retrier=retrier, dead_letters=DeadLetters(db, retrier, starter),
        tickets=Tickets(bus, fanout or FanoutSettings()),
        keys=Keys(db, authenticator), site=Site(settings.site_dir), deleter=deleter,
        retention=Retention(
            db, bus, cache, Renewal(db, bus, cas), deleter, retention or RetentionSettings()
        ),
    )  # fmt: skip


FromCore = NamedDependency[Core]
"""A parameter of a route that gets the core."""
