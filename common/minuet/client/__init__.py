"""The HTTP API as typed calls.

    from minuet.client import Client

    with Client.find() as client:          # MINUET_URL and MINUET_API_KEY, or the local suite
        started = client.runs.start("lead-routing", {"company": "Northwind"})
        run = client.runs.wait(started.id, timeout_s=60)
        print(run.status, run.outputs)

Everything that can go wrong is a `MinuetError`: those of `minuet.model.errors` where the API says
what is wrong with a request, those of `minuet.client.errors` for the rest.
"""

from .client import Client
from .errors import ClientError, ServerFailed, Unauthorized, Unreachable
from .location import Location, NoSuite, find_location
from .problem import Problem

__all__ = [
    "Client",
    "ClientError",
    "Location",
    "NoSuite",
    "Problem",
    "ServerFailed",
    "Unauthorized",
    "Unreachable",
    "find_location",
]
