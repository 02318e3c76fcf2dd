"""The scripted model server, spoken to over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from minuet.model.errors import InvalidInput
from minuet.services.dev_llm.answer import FINGERPRINT
from minuet.services.dev_llm.ledger import Ledger, read_ledger
from minuet.services.dev_llm.script import load_conversations
from tests.support.dev_llm import DevLlm, dev_llm

pytestmark = pytest.mark.anyio
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALLING: dict[str, Any] = {
    "name": "calling", "match": ["look", "now"],
    "turns": [{"tool_calls": [{"name": "look", "arguments": {"at": "sky"}}]},
              {"expect": "blue", "say": "It is blue."}],
}  # fmt: skip


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


async def ask(llm: DevLlm, messages: list[Any], **more: Any) -> httpx.Response:
    body = {"model": "gpt-x", "messages": messages, **more}
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.post(f"{llm.base_url}/chat/completions", json=body)


async def test_answers_say_that_they_are_scripted() -> None:
    async with dev_llm({"name": "hello", "turns": [{"say": "hi"}]}) as llm:
        answer = (await ask(llm, [user("hello")])).json()
        assert answer["choices"][0]["message"]["content"] == "hi"
        assert answer["model"] == "dev-gpt-x"
        assert answer["system_fingerprint"] == FINGERPRINT
        async with httpx.AsyncClient(trust_env=False) as client:
            (model,) = (await client.get(f"{llm.base_url}/models")).json()["data"]
        assert model["id"] == "dev-hello"
        assert "stand-in" in model["description"]


async def test_the_conversation_itself_tells_the_turn() -> None:
    async with dev_llm(CALLING) as llm:
        opening = [user("look now")]
        for _ in range(2):
            first = (await ask(llm, opening, tools=[TOOL])).json()["choices"][0]
            assert first["finish_reason"] == "tool_calls"
            assert first["message"]["tool_calls"][0]["function"]["arguments"] == '{"at":"sky"}'
        told = [*opening, first["message"], {"role": "tool", "content": "blue"}]
        last = (await ask(llm, told, tools=[TOOL])).json()
        assert last["choices"][0]["message"]["content"] == "It is blue."
        one, again, other = (entry.messages_sha256 for entry in llm.ledger.entries)
        assert one == again != other


@pytest.mark.parametrize(
    ("messages", "tools", "said"),
    [
        ([user("sing")], [TOOL], "no scripted conversation meets model 'gpt-x'"),
        ([user("look now")], [], "calls 'look', offered were: no tools"),
        ([user("look now"), {"role": "assistant"}, user("red")], [TOOL], "expects 'blue'"),
        ([user("look now"), *[{"role": "assistant"}] * 2], [TOOL], "turn 3 was asked for"),
    ],
)
async def test_what_is_not_scripted_is_refused(messages: list[Any], tools: Any, said: str) -> None:
    async with dev_llm(CALLING) as llm:
        refused = await ask(llm, messages, tools=tools)
        assert refused.status_code == 422
        assert said in refused.json()["error"]["message"]
        assert [entry.outcome for entry in llm.ledger.entries] == ["unscripted"]


async def test_streams_are_chunks_usage_and_done() -> None:
    async with dev_llm({"name": "s", "turns": [{"say": "abcdef", "chunk_chars": 4}]}) as llm:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        lines = (await ask(llm, [user("x")], **options)).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [msgspec.json.decode(line.removeprefix("data: ")) for line in lines[:-2]]
    text = [c["choices"][0]["delta"].get("content") for c in chunks if c["choices"]]
    assert text == ["", "abcd", "ef", None]
    assert chunks[-1]["usage"]["completion_tokens"] == 2


async def test_faults_spoil_the_first_requests_one_each() -> None:
    faults = [{"status": 429, "retry_after_s": 2}, {"malformed": True}, {"cut_after": 1}]
    async with dev_llm({"name": "f", "turns": [{"say": "fine", "fail": faults}]}) as llm:
        refused = await ask(llm, [user("x")])
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode((await ask(llm, [user("x")])).content)
        assert "[DONE]" not in (await ask(llm, [user("x")], stream=True)).text
        assert (await ask(llm, [user("x")])).status_code == 200
        # another conversation has its own
        assert (await ask(llm, [user("y")])).status_code == 429


async def test_a_body_that_is_no_request_is_400() -> None:
    async with dev_llm() as llm, httpx.AsyncClient(trust_env=False) as client:
        for body in (b"{", b"[]", b'{"model": "m"}'):
            refused = await client.post(f"{llm.base_url}/chat/completions", content=body)
            assert refused.status_code == 400


def test_scripts_that_do_not_hold_name_file_and_field(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("conversations: [{name: x, turns: [{says: hi}]}]")
    with pytest.raises(InvalidInput, match=r"bad.yaml.*says"):
        load_conversations([path])
    with pytest.raises(InvalidInput, match="No such file"):
        load_conversations([tmp_path / "none.yaml"])


def test_a_ledger_is_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    assert read_ledger(path) == []
    ledger = Ledger(path)
    ledger.add(
        model="m", conversation="c", turn=1, outcome="ok", messages=1, messages_sha256="0",
        stream=False,
    )  # fmt: skip
    with path.open("ab") as file:
        file.write(b'{"half')
    assert read_ledger(path) == ledger.entries
    ledger.close()
