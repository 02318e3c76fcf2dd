"""Metrics of one process of a fleet."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.prove.fleet import Fleet


def metric(fleet: Fleet, name: str, sample: str, **labels: str) -> float:
    """Sum over all label sets that have these labels; 0 if there is none or nobody answers."""
    try:
        text = httpx.get(f"{fleet.probes(name)}/metrics", timeout=2.0, trust_env=False).text
    except httpx.TransportError:
        return 0.0
    return sum(
        found.value
        for family in text_string_to_metric_families(text)
        for found in family.samples
        if found.name == sample and labels.items() <= found.labels.items()
    )
