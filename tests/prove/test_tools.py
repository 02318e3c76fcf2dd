"""What the proof stands on and needs no process: names of steps, counting of replies, the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minuet.bus import functions

from .codecs import PostgresCodec, RedisCodec
from .proof import Proof, Scenario, percentile, shortened
from .steps import postgres_step, redis_step

COMMIT = functions.registered("commit")
SEND = functions.registered("send_anyway")


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ((b"FCALL", COMMIT, b"1", b"{0}:lease"), "commit"),
        ((b"FCALL", SEND, b"1", b"{0}:signals", b"k", b"archived", b"s", b"{}"), "send archived"),
        ((b"XREAD", b"COUNT", b"9", b"STREAMS", b"{0}:signals", b"0-0"), "read signals"),
        ((b"xread", b"block", b"1", b"streams", b"a:{7}:events", b"0-0"), "read events"),
        ((b"XREADGROUP", b"GROUP", b"workers", b"me"), "take"),
        ((b"XDEL", b"{0}:events", b"1-1"), "delete events"),
        ((b"XDEL", b"{0}:dead", b"1-1"), "XDEL"),
        ((b"HGETALL", b"{0}:run:0-x"), "load"),
    ],
)
def test_redis_commands_are_named_by_what_they_do(command: tuple[bytes, ...], step: str) -> None:
    assert redis_step(list(command)) == step


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("BEGIN;", "BEGIN"),
        ("with x as (select 1) insert into runs (id) values ($1)", "INSERT runs"),
        ("update runs as r set seq = 1", "UPDATE runs"),
        ("select id from runs for update skip locked", "SELECT"),
        ('COPY "transitions"("run_id") FROM STDIN', "COPY transitions"),
    ],
)
def test_statements_are_named_by_what_they_write(statement: str, step: str) -> None:
    assert postgres_step(statement) == step


def test_requests_and_replies_of_redis_may_come_in_any_pieces() -> None:
    codec = RedisCodec()
    sent = b"*1\r\n$4\r\nPING\r\n*2\r\n$7\r\nHGETALL\r\n$1\r\nk\r\n"
    found = [each for i in range(len(sent)) for each in codec.requests(sent[i : i + 1])]
    assert [step for _, step in found] == ["PING", "load"]
    assert b"".join(raw for raw, _ in found) == sent
    assert codec.reply_to_last() == 2
    assert [codec.replies(piece) for piece in (b"+PO", b"NG\r\n*1\r\n", b"$1\r\nx\r\n")] == [
        0,
        1,
        2,
    ]


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def test_a_prepared_statement_counts_when_it_is_executed() -> None:
    """And a commit is named by what its transaction did; replies are counted by ReadyForQuery."""
    codec = PostgresCodec()
    list(codec.requests(message(b"", b"\0\3\0\0user\0me\0\0")))
    ready = message(b"Z", b"I")
    assert codec.replies(ready) == 1

    sent = message(b"P", b"one\0insert into runs values (1)\0\0\0") + message(b"S", b"")
    assert [step for _, step in codec.requests(sent)] == ["", ""]
    assert codec.replies(message(b"1", b"") + ready) == 2

    assert [step for _, step in codec.requests(message(b"Q", b"BEGIN;\0"))] == ["BEGIN"]
    [(_, step)] = codec.requests(message(b"B", b"\0one\0" + bytes(6)))
    assert step == "INSERT runs"
    due = codec.reply_to_last()
    list(codec.requests(message(b"E", b"\0" + bytes(4)) + message(b"S", b"")))
    assert codec.replies(ready) == due - 1
    assert codec.replies(message(b"C", b"INSERT 0 1\0") + ready) == due

    [(_, step)] = codec.requests(message(b"Q", b"COMMIT;\0"))
    assert step == "COMMIT INSERT runs"


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert percentile([7.0], 0.95) == 7.0


def test_long_lists_of_violations_are_cut() -> None:
    assert shortened(["x"] * 30) == [*["x"] * 25, "and 5 more"]


def found_in(path: Path, name: str) -> Scenario:
    with Proof(path).scenario(name, seed=7) as scenario:
        scenario.kills = 1
        scenario.figures["summary:answer_s"] = 42
    return scenario


def test_a_scenario_takes_the_place_of_its_own_entry(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    for name in ("b", "a", "b"):
        found_in(path, name)
    document = json.loads(path.read_text())
    assert [each["name"] for each in document["scenarios"]] == ["a", "b"]
    assert document["summary"]["kills"] == 2
    assert document["summary"]["answer_s"] == 42


def test_what_was_not_finished_is_a_violation_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    with pytest.raises(ZeroDivisionError), Proof(path).scenario("broken"):
        raise ZeroDivisionError
    [entry] = json.loads(path.read_text())["scenarios"]
    assert entry["violations"] == ["not finished: ZeroDivisionError: "]


def test_a_violation_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="lost"), Proof(None).scenario("bad") as scenario:
        scenario.violations.append("3 runs lost")
