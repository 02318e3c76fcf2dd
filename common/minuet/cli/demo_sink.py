"""Shows the run of `minuet demo` while it goes on, and approves if it was told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from .palette import look_of_approval
from .sinks import PlainLines
from .tables import printable
from .times import local_clock

if TYPE_CHECKING:
    from minuet.client import Client
    from minuet.client.views import LiveItem, RunEvent

COMMENT = "approved by minuet demo --yes"


class DemoSink(PlainLines):
    """Plain lines, and beside them the agent's turns, its patches, and questions to a person.

    `url` is what the command was given for the suite, if anything.
    """

    def __init__(self, client: Client, *, approve: bool, url: str | None) -> None:
        super().__init__()
        self._client = client
        self._approve = approve
        self._minuet = f"minuet --url {url}" if url else "minuet"

    def live(self, item: LiveItem) -> None:
        doing = agent_markup(item)
        if doing is None:
            super().live(item)
        else:
            clock = f"[bright_black]{local_clock(item.time)}[/]"
            self._out.print(f"{clock} [bold]{escape(item.node)}[/] [bright_black]{doing}[/]")

    def event(self, event: RunEvent) -> None:
        clock = f"[bright_black]{local_clock(event.time)}[/]"
        match event.type:
            case "patch.applied":
                note = escape(printable(str(event.data.get("note") or "")))
                self._out.print(f"{clock} [magenta]◆ the agent changed its run:[/] {note}")
            case "approval.requested":
                message = escape(printable(str(event.data["message"])))
                self._out.print(f"{clock} {look_of_approval('pending').markup}: {message}")
                self._ask(str(event.data["approval"]))
            case "approval.decided":
                status = "rejected" if event.data["decision"] == "reject" else "approved"
                by = escape(str(event.data["by"]))
                self._out.print(f"{clock} {look_of_approval(status).markup} by {by}")
            case _:
                super().event(event)

    def _ask(self, approval: str) -> None:
        if self._approve:
            self._client.approvals.approve(approval, COMMENT)
            return
        self._out.print(f"  in the browser  {self._client.url}/inbox/{approval}")
        self._out.print(f"  or here         {self._minuet} approve {approval}")
        self._out.print(f"                  {self._minuet} reject {approval}")


def agent_markup(item: LiveItem) -> str | None:
    """What an agent does, in a few words; None for any other news."""
    fields = item.data.get("fields") or {}
    match item.data.get("message"):
        case "model_call":
            return f"turn {fields.get('turn')} of the model: {fields.get('duration_s', 0):.1f} s"
        case "tool_call":
            return f"used {escape(str(fields.get('gen_ai.tool.name')))}"
    return None
