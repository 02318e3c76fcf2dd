"""Masking: every spelling that gives a secret away."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from minuet.worker.secrets import Secrets, SecretScope


def scope_with(value: str) -> SecretScope:
    scope = Secrets({"MINUET_SECRET_KEY": value}).scope()
    assert scope("key") == value
    return scope


@given(secret=st.text(min_size=8).filter(lambda s: s.strip() == s), before=st.binary(max_size=4))
def test_no_spelling_survives(secret: str, before: bytes) -> None:
    try:
        raw = secret.encode()
    except UnicodeEncodeError:
        return
    scope = scope_with(secret)
    for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
        assert form not in scope.mask_text(f"<{form}>")
    assert json.dumps(secret)[1:-1] not in scope.mask_text(json.dumps({"a": secret}))
    encoded = base64.b64encode(before + raw + b"tail").decode()
    assert "***" in scope.mask_text(encoded)


def test_short_secrets_are_masked_only_where_they_stand_alone() -> None:
    scope = scope_with("ab")
    assert scope.mask_text("ab") == "***"
    assert scope.mask_text("fabric") == "fabric"


def test_keys_and_nested_values_are_masked() -> None:
    scope = scope_with("hunter22")
    value = {"hunter22": [{"x": "is hunter22"}, 5, None]}
    assert scope.mask(value) == {"***": [{"x": "is ***"}, 5, None]}


def test_secrets_hide_in_repr() -> None:
    assert "hunter22" not in repr(Secrets({"MINUET_SECRET_KEY": "hunter22"}))
