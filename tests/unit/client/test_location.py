"""Which suite the client talks to, and which key it sends there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minuet.client.location import NoSuite, find_location
from minuet.embedded.suite_file import KEY_FILE_NAME, SuiteFile, write_suite_file


def local_suite(folder: Path, url: str = "http://127.0.0.1:8080", pid: int = 0) -> Path:
    data_dir = folder / ".minuet"
    data_dir.mkdir(parents=True)
    (data_dir / KEY_FILE_NAME).write_text("mnt_local\n")
    content = SuiteFile(
        url=url, pid=pid or os.getpid(), redis_url="", database_url="", servers={}, services={}
    )
    write_suite_file(data_dir, content)
    return data_dir


def test_a_local_suite_is_found_from_below(tmp_path: Path) -> None:
    local_suite(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    found = find_location(env={}, start=below)
    assert (found.url, found.api_key) == ("http://127.0.0.1:8080", "mnt_local")


def test_a_running_suite_above_is_preferred_to_a_dead_one_here(tmp_path: Path) -> None:
    local_suite(tmp_path, "http://127.0.0.1:1111")
    local_suite(tmp_path / "here", "http://127.0.0.1:2222", pid=2**22 + 1)
    assert find_location(env={}, start=tmp_path / "here").url == "http://127.0.0.1:1111"


def test_the_environment_wins_over_the_local_suite(tmp_path: Path) -> None:
    local_suite(tmp_path)
    env = {"MINUET_URL": "https://minuet.example.com/", "MINUET_API_KEY": "mnt_far"}
    found = find_location(env=env, start=tmp_path)
    assert (found.url, found.api_key) == ("https://minuet.example.com", "mnt_far")


def test_what_is_given_wins_over_the_environment(tmp_path: Path) -> None:
    found = find_location("http://a.test", "k", env={"MINUET_URL": "http://b.test"}, start=tmp_path)
    assert (found.url, found.api_key) == ("http://a.test", "k")


def test_the_local_key_is_never_sent_to_another_address(tmp_path: Path) -> None:
    local_suite(tmp_path)
    assert find_location("http://other.test", env={}, start=tmp_path).api_key is None
    assert find_location("http://127.0.0.1:8080/", env={}, start=tmp_path).api_key == "mnt_local"


def test_the_data_directory_can_be_named(tmp_path: Path) -> None:
    data_dir = local_suite(tmp_path / "elsewhere")
    found = find_location(env={"MINUET_DATA_DIR": str(data_dir)}, start=tmp_path)
    assert found.api_key == "mnt_local"


def test_without_a_suite_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoSuite, match="minuet up"):
        find_location(env={}, start=tmp_path)


def test_the_key_stays_out_of_representations(tmp_path: Path) -> None:
    local_suite(tmp_path)
    assert "mnt_local" not in repr(find_location(env={}, start=tmp_path))
