"""One suite with one worker for each module that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .rig import Rig
from .rig import rig as started


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with started(tmp_path_factory.mktemp("end to end")) as made:
        yield made
