"""What may go wrong with a server; each message is one line that names the fix."""

from __future__ import annotations

from minuet.model.errors import MinuetError


class ServerError(MinuetError):
    """A server cannot be started or used."""

    code = "server_error"


class ServerUnfit(ServerError):
    """A server answers but must not be used as it is; `faults` has one line for each reason."""

    code = "server_unfit"

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
