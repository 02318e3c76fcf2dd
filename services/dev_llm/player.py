"""Finds the turn that a request asks for. Strict: what no script foresees is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from minuet.model.errors import InvalidInput

from .request import ChatRequest
from .script import Conversation, Fault, Turn

SHOWN = 200


class Unscripted(InvalidInput):
    """No script foresees this request; the message says what was asked."""

    code = "unscripted"


@dataclass(frozen=True, slots=True)
class Play:
    """A turn to be played, spoiled by `fault` if there is one. `number` counts turns from 1."""

    conversation: str
    number: int
    turn: Turn
    fault: Fault | None


class Player:
    """Remembers only how often each conversation asked for each turn, for the scripted faults."""

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._conversations = conversations
        self._asked: Counter[tuple[str, str]] = Counter()

    @property
    def names(self) -> list[str]:
        return [conversation.name for conversation in self._conversations]

    def play(self, request: ChatRequest, messages_hash: str) -> Play:
        """Raises Unscripted."""
        conversation = self._meeting(request)
        if request.turn >= len(conversation.turns):
            raise Unscripted(
                f"the conversation '{conversation.name}' has {len(conversation.turns)} turns, "
                f"turn {request.turn + 1} was asked for; since the last answer was said: "
                f"{shortened(request.latest)}"
            )
        turn = conversation.turns[request.turn]
        check_turn(conversation, turn, request)
        key = (conversation.name, messages_hash)
        earlier = self._asked[key]
        self._asked[key] += 1
        fault = turn.fail[earlier] if earlier < len(turn.fail) else None
        return Play(conversation.name, request.turn + 1, turn, fault)

    def _meeting(self, request: ChatRequest) -> Conversation:
        opening = request.opening
        for conversation in self._conversations:
            if conversation.meets(request.model, opening):
                return conversation
        raise Unscripted(
            f"no scripted conversation meets model '{request.model}' and the opening "
            f"{shortened(opening)}; there are: {', '.join(self.names) or 'none'}"
        )


def check_turn(conversation: Conversation, turn: Turn, request: ChatRequest) -> None:
    """Raises Unscripted if the turn does not fit what was said or offered."""
    where = f"turn {request.turn + 1} of '{conversation.name}'"
    if turn.expect is not None and turn.expect not in request.latest:
        raise Unscripted(f"{where} expects {turn.expect!r}, said was: {shortened(request.latest)}")
    offered = request.tool_names
    for call in turn.tool_calls:
        if call.name not in offered:
            raise Unscripted(
                f"{where} calls '{call.name}', offered were: {', '.join(offered) or 'no tools'}"
            )


def shortened(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"...{text[-SHOWN:]}")
