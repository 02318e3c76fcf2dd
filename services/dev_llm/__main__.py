"""`python -m minuet.services.dev_llm SCRIPT...`: play scripted conversations."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from minuet.model.errors import MinuetError
from minuet.service import stop_on_signals

from .app import NOTICE, create_app
from .ledger import Ledger
from .player import Player
from .script import load_conversations
from .serving import claim_port, serve


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="minuet dev-llm",
        description=f"An OpenAI-compatible server that plays scripts. It is a {NOTICE}.",
    )
    parser.add_argument("scripts", nargs="+", type=Path, metavar="SCRIPT", help="YAML or JSON")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099, help="0 takes a free one (default 8099)")
    parser.add_argument("--ledger", type=Path, help="append one JSON line for each request")
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace, player: Player, ledger: Ledger) -> None:
    port = claim_port(options.host, options.port)
    async with stop_on_signals() as stop:
        task = asyncio.create_task(serve(create_app(player, ledger), options.host, port, stop))
        print(f"minuet dev-llm: a {NOTICE}.")
        print(f"MINUET_LLM_BASE_URL=http://{options.host}:{port}/v1", flush=True)
        await task


def main(arguments: Sequence[str] | None = None) -> int:
    """0 after a clean stop, 2 for a script that does not hold, 1 for a taken port."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        player = Player(load_conversations(options.scripts))
    except MinuetError as exc:
        sys.stderr.write(f"minuet dev-llm: {exc}\n")
        return 2
    try:
        ledger = Ledger(options.ledger)
    except OSError as exc:
        sys.stderr.write(f"minuet dev-llm: {options.ledger}: {exc.strerror}\n")
        return 2
    try:
        uvloop.run(run(options, player, ledger))
    except MinuetError as exc:
        sys.stderr.write(f"minuet dev-llm: {exc}\n")
        return 1
    finally:
        ledger.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
