"""A worker written from docs/protocol.md alone: redis-py and the standard library.

MINUET_REDIS_URL=redis://127.0.0.1:6379 python worker.py
"""

import json
import os
import re
import signal
import socket
import threading
import time
from typing import Any

import redis

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
TYPE = {"name": "count_words", "effect": "pure", "config_schema": TEXT}
LEASE_MS = int(os.environ.get("MINUET_WORKER_LEASE_MS", "30000"))
MAX_DELIVERIES = int(os.environ.get("MINUET_WORKER_MAX_DELIVERIES", "5"))
PREFIX = os.environ.get("MINUET_KEY_PREFIX", "")
ME = f"{socket.gethostname()}-{os.getpid()}"
LOST = {"code": "worker_lost", "message": "no worker survived this token", "retryable": False}
UNWANTED = {"code": "cancelled", "message": "the run does not want it any more", "retryable": False}
CANCELLED = json.dumps({"port": "error", "failure": UNWANTED})
db: Any = redis.Redis.from_url(os.environ["MINUET_REDIS_URL"], decode_responses=True, protocol=2)
stopping = threading.Event()
streams: dict[str, int] = {}  # key of a task stream -> its partition
held: dict[tuple[str, str], dict[str, str]] = {}  # (stream, entry) -> its tokens


def key(p: int, name: str) -> str:
    return f"{PREFIX}{{{p}}}:{name}"


def value_of(path: str, context: dict[str, Any]) -> Any:
    """A token brings `inputs.lead.name`, or the object around it if more of that is read."""
    name = next(name for name in context if f"{path}.".startswith(f"{name}."))
    value = context[name]
    for part in path[len(name) + 1 :].split(".") if path != name else []:
        value = value[part]
    return value


def render(value: Any, context: dict[str, Any]) -> Any:
    """The config with the values of plain paths; anything else between braces is CEL."""
    if isinstance(value, dict):
        return {name: render(each, context) for name, each in value.items()}
    if isinstance(value, list):
        return [render(each, context) for each in value]
    whole = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
    return value_of(whole[1], context) if whole else value


def execute(token: dict[str, Any]) -> str:
    started_at = int(time.time() * 1000)
    try:
        config = render(token["config"], token.get("context", {}))
        ended: dict[str, Any] = {"output": {"words": len(config["text"].split())}}
    except Exception as error:
        ended = {"port": "error", "failure": {"code": "exception", "message": repr(error)}}
    times = {"started_at": started_at, "ended_at": int(time.time() * 1000), "worker": ME}
    return json.dumps(ended | times)


def leave(stream: str, entry: str, done: dict[str, str], again: dict[str, str], d: int) -> None:
    """In one transaction: results to the owner, tokens back to the stream, the entry away."""
    with db.pipeline(transaction=True) as all_or_nothing:
        if done:
            all_or_nothing.xadd(key(streams[stream], "signals"), {"k": "done", **done})
        for name, token in again.items():
            all_or_nothing.xadd(stream, {name: token, "d": d} if d else {name: token})
        all_or_nothing.xack(stream, "workers", entry)
        all_or_nothing.xdel(stream, entry)
        all_or_nothing.hdel(key(streams[stream], "splits"), f"{TYPE['name']} {entry}")
        all_or_nothing.execute()


def parted(stream: str, tokens: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Those that are wanted, and the outcomes of those that were cancelled."""
    scores = db.zmscore(key(streams[stream], "cancelled"), list(tokens)) if tokens else []
    left = {name: tokens[name] for name, at in zip(tokens, scores, strict=True) if at is None}
    return left, {name: CANCELLED for name in tokens if name not in left}


def claim(stream: str) -> None:
    """Take entries of dead workers, and give their tokens back one by one."""
    for old in db.xpending_range(stream, "workers", "-", "+", 100, idle=LEASE_MS):
        entry, mark = old["message_id"], f"{TYPE['name']} {old['message_id']}"
        won = db.xclaim(stream, "workers", ME, LEASE_MS, [entry])
        tokens = dict(won[0][1]) if won else {}
        deliveries = int(tokens.pop("d", 0)) + old["times_delivered"]
        in_hand = db.hget(key(streams[stream], "splits"), mark)
        tokens = {in_hand: tokens[in_hand]} if in_hand in tokens else tokens
        left, ended = parted(stream, tokens)
        if won and deliveries < MAX_DELIVERIES:
            leave(stream, entry, ended, left, deliveries)
        elif won:
            lost = json.dumps({"port": "error", "failure": LOST})
            leave(stream, entry, ended | dict.fromkeys(left, lost), {}, 0)


def round_of_duties() -> None:
    """Every sixth of the lease: follow the partitions, announce, keep what is held, claim."""
    for p in range(int(db.get(f"{PREFIX}partitions") or 0)):
        stream = key(p, f"tasks:{TYPE['name']}")
        try:
            db.xgroup_create(stream, "workers", "0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        streams[stream] = p
    seconds, micros = db.time()
    info = {"id": ME, "kind": "foreign", "types": [TYPE], "slots": 1, "host": socket.gethostname()}
    info |= {"pid": os.getpid(), "started_at": seconds * 1000}
    stale_at = seconds * 1000 + micros // 1000 + 15_000
    db.hset(f"{PREFIX}workers", ME, f"{stale_at} {json.dumps(info)}")
    for stream, entry in list(held):
        if db.xpending_range(stream, "workers", entry, entry, 1, ME):
            db.xclaim(stream, "workers", ME, 0, [entry], justid=True)
    for stream in list(streams):
        claim(stream)


def keep_duties() -> None:
    while not stopping.is_set():
        try:
            round_of_duties()
        except redis.RedisError as error:
            print(f"duties: {error}", flush=True)
        stopping.wait(min(LEASE_MS / 6000, 5))


def take() -> None:
    """A page of each stream at most; run what is wanted, report the page as one."""
    for stream, entries in db.xreadgroup(
        "workers", ME, dict.fromkeys(streams, ">"), count=1, block=1000
    ):
        held.update({(stream, entry): fields for entry, fields in entries})
    for stream, entry in list(held):
        tokens = held[stream, entry]
        d = int(tokens.pop("d", 0))
        try:
            if stopping.is_set():
                leave(stream, entry, {}, tokens, d)
            else:
                run, ended = parted(stream, tokens)
                done = {name: execute(json.loads(token)) for name, token in run.items()}
                leave(stream, entry, ended | done, {}, 0)
        finally:
            del held[stream, entry]  # if reporting failed, the entry is claimed after its lease


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    duties = threading.Thread(target=keep_duties)
    duties.start()
    while not stopping.is_set():
        try:
            if streams:
                take()
            else:
                stopping.wait(0.1)
        except redis.RedisError as error:
            print(f"take: {error}", flush=True)
            stopping.wait(1)
    duties.join()
    db.hdel(f"{PREFIX}workers", ME)


if __name__ == "__main__":
    main()
