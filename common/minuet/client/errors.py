"""What a call may raise beside the errors of `minuet.model.errors`.

MinuetError
├── ClientError             the API refused; carries the problem document
│   ├── Unauthorized        the key is missing, unknown or revoked
│   ├── ServerFailed        a 5xx that is no sign of load, or an answer that is none of the API's
│   ├── Forbidden           the key may not do this
│   ├── RunGoesOn           the run has not ended (also a Conflict)
│   ├── RunEnded            the run ended before the command reached it (also a Conflict)
│   ├── CommandRefused      the run cannot take the command now (also a Conflict)
│   └── AlreadyDecided      the approval is closed, and not by this decision (also a Conflict)
└── Unavailable
    └── Unreachable         nothing answers at the address
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minuet.model.errors import Conflict, MinuetError, Unavailable

if TYPE_CHECKING:
    from .problem import Decided, Problem


class ClientError(MinuetError):
    """The API answered with `problem` and no narrower error fits."""

    code = "client_error"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Unauthorized(ClientError):
    code = "unauthorized"


class Forbidden(ClientError):
    code = "forbidden"


class ServerFailed(ClientError):
    code = "server_failed"


class RunGoesOn(ClientError, Conflict):
    """`status` is the one that the run, or the child run that holds it up, has now."""

    code = "run_goes_on"

    def __init__(self, problem: Problem) -> None:
        ClientError.__init__(self, problem)
        self.pointer = None
        self.status = problem.run_status or ""


class RunEnded(ClientError, Conflict):
    """`status` is the one that the run ended with."""

    code = "run_ended"

    def __init__(self, problem: Problem) -> None:
        ClientError.__init__(self, problem)
        self.pointer = None
        self.status = problem.run_status or ""


class CommandRefused(ClientError, Conflict):
    """`reason` is paused, not_paused, ending or too_many_messages."""

    code = "command_refused"

    def __init__(self, problem: Problem) -> None:
        ClientError.__init__(self, problem)
        self.pointer = None
        self.reason = problem.reason or ""


class AlreadyDecided(ClientError, Conflict):
    """`decided` says how, when and by whom the approval was closed."""

    code = "already_decided"

    def __init__(self, problem: Problem) -> None:
        ClientError.__init__(self, problem)
        self.pointer = None
        self.decided: Decided | None = problem.decided


class Unreachable(Unavailable):
    """Nothing that speaks HTTP answered at `url`, or it went away within the answer."""

    code = "unreachable"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"nothing answers at {url} ({reason})")
        self.url = url
