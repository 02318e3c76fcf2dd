"""Workflows in the shapes of scientific pipelines, of any size, the same for the same seed.

    python examples/pipelines/shapes.py montage --nodes 1000 > montage.json
    minuet worker examples/pipelines/nodes.py &
    minuet workflow apply montage.json && minuet run start montage-1000 --wait

Source: Bharathi et al. 2008, "Characterization of scientific workflows" (Montage, Epigenomics,
CyberShake); WfCommons for seismology. Every step reads the outputs of all steps that it follows.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, NamedTuple

JOB = "pipeline.job"
MIN_NODES = 100
MAX_NODES = 10_000


class Step(NamedTuple):
    """A step that starts when all of `after` have ended."""

    id: str
    after: tuple[str, ...] = ()


Shape = Callable[[int, Random], list[Step]]


def montage(nodes: int, random: Random) -> list[Step]:
    """A mosaic of the sky: n images are projected, m overlapping pairs of them are fitted, one
    model of the background corrects every image, and the table of all becomes one picture.
    2 n + m + 6 nodes, m being about four times n. Joins: m, and n twice.
    """
    images = (nodes - 6) // 6
    pairs = _overlaps(images, nodes - 6 - 2 * images, random)
    project = [f"project_{i}" for i in range(images)]
    fits = [
        Step(f"diff_fit_{n}", (project[a], project[b])) for n, (a, b) in enumerate(sorted(pairs))
    ]
    corrected = [Step(f"background_{i}", ("bg_model", project[i])) for i in range(images)]
    return [
        *map(Step, project),
        *fits,
        Step("concat_fit", _ids(fits)),
        Step("bg_model", ("concat_fit",)),
        *corrected,
        Step("image_table", _ids(corrected)),
        Step("add", ("image_table", *_ids(corrected))),
        Step("shrink", ("add",)),
        Step("jpeg", ("shrink",)),
    ]


def _overlaps(images: int, count: int, random: Random) -> list[tuple[int, int]]:
    """`count` pairs of the images of a square grid, the nearest ones; where only some of those
    that lie equally far apart are wanted, `random` draws them."""
    width = math.isqrt(images - 1) + 1
    reach = range(-4, 5)
    pairs = [
        (dx * dx + dy * dy, random.random(), (a, b))
        for a in range(images)
        for dx in reach
        for dy in reach
        if 0 <= a % width + dx < width and a < (b := a + dy * width + dx) < images
    ]
    return [pair for _, _, pair in sorted(pairs)[:count]]


def epigenomics(nodes: int, random: Random) -> list[Step]:
    """Reads of DNA: in each of several lanes a file is split, every piece of it goes through four
    steps one after another, and the pieces are merged; then the lanes are merged, indexed, piled
    up. 4 k + 2 l + 3 nodes for k pieces in l lanes: up to three fewer than asked for. Joins: the
    pieces of a lane, and the lanes.
    """
    lanes = 2 if nodes < 500 else 7
    pieces = (nodes - 3 - 2 * lanes) // 4
    steps: list[Step] = []
    for lane, count in enumerate(_shares(pieces, lanes, random)):
        steps.append(Step(f"split_{lane}"))
        maps = []
        for piece in range(count):
            before = f"split_{lane}"
            for name in ("filter", "sol2sanger", "fastq2bfq", "map"):
                steps.append(Step(f"{name}_{lane}_{piece}", (before,)))
                before = steps[-1].id
            maps.append(before)
        steps.append(Step(f"merge_{lane}", tuple(maps)))
    merges = tuple(f"merge_{lane}" for lane in range(lanes))
    return [
        *steps, Step("merge", merges), Step("index", ("merge",)), Step("pileup", ("index",)),
    ]  # fmt: skip


def _shares(total: int, parts: int, random: Random) -> list[int]:
    """`total` in parts of at least one, unevenly: the largest is about half of it."""
    weights = [parts, *(random.uniform(0.5, 1.5) for _ in range(parts - 1))]
    shares = [1 + int((total - parts) * weight / sum(weights)) for weight in weights]
    shares[0] += total - sum(shares)
    return shares


def seismology(nodes: int, random: Random) -> list[Step]:
    """Earthquakes: every station's record is deconvolved, and one step sifts them all. One join
    of all nodes but itself."""
    records = [Step(f"decon_{i}") for i in range(nodes - 1)]
    return [*records, Step("sift", _ids(records))]


def cybershake(nodes: int, random: Random) -> list[Step]:
    """Earthquake hazard at a site: strain tensors are extracted for each of a few ruptures, many
    seismograms are synthesised from each, and the peak of each is taken; seismograms and peaks
    are zipped. Joins: two, of half the nodes each.
    """
    count = (nodes - 3 - nodes // 200) // 2
    extracts = [Step(f"extract_{i}") for i in range(nodes - 2 - 2 * count)]
    drawn = [extracts[i % len(extracts)].id for i in range(count)]
    random.shuffle(drawn)
    syntheses = [Step(f"synthesis_{i}", (source,)) for i, source in enumerate(drawn)]
    peaks = [Step(f"peak_{i}", (each.id,)) for i, each in enumerate(syntheses)]
    ends = [Step("zip_seismograms", _ids(syntheses)), Step("zip_peaks", _ids(peaks))]
    return [*extracts, *syntheses, *peaks, *ends]


def _ids(steps: Iterable[Step]) -> tuple[str, ...]:
    return tuple(step.id for step in steps)


SHAPES: dict[str, Shape] = {
    "montage": montage,
    "epigenomics": epigenomics,
    "seismology": seismology,
    "cybershake": cybershake,
}


def pipeline(
    shape: str, nodes: int, *, seed: int = 0, type: str = JOB, ms: int = 0
) -> dict[str, Any]:
    """A document of about `nodes` nodes (docstrings of the shapes say how near), whose steps take
    `ms` on average. Its outputs are those of the steps that nothing follows.

    `type` is a node type that takes `inputs`, the outputs before it, and `ms`.
    Raises ValueError below 100 nodes, and above what a document may have.
    """
    if not MIN_NODES <= nodes <= MAX_NODES:
        raise ValueError(f"nodes must be from {MIN_NODES} to {MAX_NODES}, not {nodes}")
    random = Random(f"{shape} {nodes} {seed}")
    steps = SHAPES[shape](nodes, random)
    followed = {before for step in steps for before in step.after}
    return {
        "apiVersion": "minuet/v1",
        "name": f"{shape}-{nodes}",
        "nodes": [_node(step, type, random.randint(0, 2 * ms)) for step in steps],
        "edges": [{"from": before, "to": step.id} for step in steps for before in step.after],
        "outputs": {s.id: f"${{nodes.{s.id}.output}}" for s in steps if s.id not in followed},
        "settings": {"unknown_types": "fail"},
    }


def _node(step: Step, type: str, ms: int) -> dict[str, Any]:
    config: dict[str, Any] = {"inputs": [f"${{nodes.{id}.output}}" for id in step.after]}
    return {"id": step.id, "type": type, "config": config | ({"ms": ms} if ms else {})}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ms", type=int, default=0, help="how long a step takes on average")
    chosen = parser.parse_args(arguments)
    try:
        document = pipeline(chosen.shape, chosen.nodes, seed=chosen.seed, ms=chosen.ms)
    except ValueError as error:
        parser.error(str(error))
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
