"""`minuet approvals`, `approve` and `reject`: answer what runs ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .completion import approval_ids, workflow_names
from .exits import Exit
from .options import ApprovalId, Json, Limit

if TYPE_CHECKING:
    from minuet.client.views import Approval, Command

DEFAULT_LIMIT = 20

Comment = Annotated[
    str, typer.Option("--comment", "-c", help="Goes on to the next node.", show_default=False)
]


def approvals(
    ctx: typer.Context,
    approval: Annotated[
        str | None,
        typer.Argument(
            metavar="[APPROVAL]", help="Show this one with its payload.", show_default=False,
            autocompletion=approval_ids,
        ),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status", "-s", help="pending, approved, rejected, expired, cancelled, or all."
        ),
    ] = None,
    workflow: Annotated[
        str | None,
        typer.Option(
            "--workflow", "-w", help="Only of this workflow.", autocompletion=workflow_names
        ),
    ] = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="Only what you, your groups, or everybody is asked.")
    ] = False,
    limit: Limit = DEFAULT_LIMIT,
    as_json: Json = False,
) -> None:  # fmt: skip
    """List what needs an answer, newest first; or show one approval.

    Example: minuet approvals --status rejected --status expired
    """
    from .connection import connect
    from .output import print_json

    if approval is not None:
        with connect(ctx) as client:
            return _print_approval(client.approvals.show(approval), as_json=as_json)
    asked = status or ["pending"]
    with connect(ctx) as client:
        found = client.approvals.list(
            status=[] if "all" in asked else asked, workflow=workflow, mine=mine, limit=limit
        )
        lines = list(found)
    if as_json:
        return print_json(lines)
    from .tables import print_approvals

    return print_approvals(lines, is_filtered=bool(status or workflow or mine))


def approve(
    ctx: typer.Context,
    approval: ApprovalId,
    comment: Comment = "",
    payload: Annotated[
        list[str] | None,
        typer.Option(
            "--payload", "-p", metavar="KEY=TEXT|FILE",
            help="Change a field of the proposal (KEY:=JSON for other than text), "
            "or replace it by a file; - is stdin.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Approve, as proposed or edited. Exit code 6 if somebody else was quicker.

    Example: minuet approve apr-3f0c --comment "fine by me" --payload amount:=120
    """
    from .connection import connect
    from .files import read_payload

    with connect(ctx) as client:
        if payload:
            edited = read_payload(payload, client.approvals.show(approval).payload)
            answer = client.approvals.approve(approval, comment, payload=edited)
        else:
            answer = client.approvals.approve(approval, comment)
    _print_answer(approval, answer, as_json=as_json)


def reject(
    ctx: typer.Context, approval: ApprovalId, comment: Comment = "", as_json: Json = False
) -> None:
    """Reject. Exit code 6 if somebody else was quicker.

    Example: minuet reject apr-3f0c --comment "no receipt"
    """
    from .connection import connect

    with connect(ctx) as client:
        answer = client.approvals.reject(approval, comment)
    _print_answer(approval, answer, as_json=as_json)


def _print_answer(id: str, answer: Approval | Command, *, as_json: bool) -> None:
    """Exit code 7 if it is not recorded yet which decision closed the approval."""
    from minuet.client.views import Approval

    from .output import console, print_json
    from .palette import look_of_approval

    if as_json:
        print_json(answer)
    elif isinstance(answer, Approval):
        console().print(f"{look_of_approval(answer.status).markup} {id}")
    else:
        console().print(f"The decision is accepted; it is not recorded yet: minuet approvals {id}")
    if not isinstance(answer, Approval):
        raise typer.Exit(Exit.STILL_RUNNING)


def _print_approval(approval: Approval, *, as_json: bool) -> None:
    from rich.markup import escape

    from .output import console, print_json
    from .palette import look_of_approval
    from .tables import printable, whom
    from .times import local

    if as_json:
        return print_json(approval)
    out = console()
    out.print(f"{look_of_approval(approval.status).markup} [bold]{approval.id}[/]")
    out.print(f"  {escape(printable(approval.message))}")
    out.print(f"[bright_black]  {escape(approval.workflow)} {approval.run} {approval.node}[/]")
    out.print(f"[bright_black]  asked {local(approval.requested_at)}: {escape(whom(approval))}[/]")
    if approval.status == "pending" and approval.expires_at is not None:
        out.print(f"[bright_black]  until {local(approval.expires_at)}[/]")
    if approval.comment:
        out.print(f"  {escape(printable(approval.comment))}")
    is_open = approval.decided_payload is None
    payload = approval.payload if is_open else approval.decided_payload
    if payload is not None:
        out.print(f"[bright_black]{'proposal' if is_open else 'decided on'}[/]")
        print_json(payload)
    return None
