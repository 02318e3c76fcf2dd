"""Addresses of sockets."""

from __future__ import annotations

import pytest

from minuet.model.errors import InvalidInput, NotFound
from minuet.services.fanout.target import Target, parse_target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/ws/runs", Target("")),
        ("/ws/runs?ticket=t", Target("t")),
        ("/ws/runs/3-x?ticket=t", Target("t", "3-x")),
        ("/ws/runs/3-x?after=&ticket=t", Target("t", "3-x")),
        ("/ws/runs/3-x?after=0", Target("", "3-x", 0)),
        ("/ws/runs/3-x?ticket=t&after=12", Target("t", "3-x", 12)),
    ],
)
def test_addresses(path: str, target: Target) -> None:
    assert parse_target(path) == target


@pytest.mark.parametrize("path", ["/", "/ws", "/ws/runs/", "/ws/runs/a/b", "/ws/runsx", "/api"])
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        parse_target(path)


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "%C2%B2", "1" * 30, "9" * 16, "1;2"])
def test_after_must_be_an_event_id(after: str) -> None:
    with pytest.raises(InvalidInput):
        parse_target(f"/ws/runs/3-x?after={after}")


def test_tickets_stay_out_of_repr() -> None:
    assert "secret" not in repr(parse_target("/ws/runs?ticket=secret"))
