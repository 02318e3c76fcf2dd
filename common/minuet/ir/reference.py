"""The router in plain Python: slow, obvious, and the judge of the compiled one.

Same interface as `router.pyx`; `minuet.ir.routing` chooses. Where the compiled router follows a
worklist, this one looks at every node again after each change.
"""

from __future__ import annotations

from collections.abc import Sequence

from minuet.model.status import NodeStatus

_COMPILED = False


def is_compiled() -> bool:
    """Whether this module is the compiled router."""
    return _COMPILED


class Router:
    """The graph of one IR: what `resolve` needs to know of it.

    `joins[i]` is 0 for `all`, else the number of taken edges that arms node i. Edges are given as
    three sequences of one length m; `loops` marks back edges, which never count for joins. Nodes
    must be in topological order of the forward edges: a forward edge goes to a higher index.
    Raises ValueError if the sequences differ in length, name a node outside 0..n-1, or a forward
    edge does not ascend.
    """

    def __init__(
        self,
        joins: Sequence[int],
        sources: Sequence[int],
        targets: Sequence[int],
        ports: Sequence[str],
        loops: Sequence[bool],
    ) -> None:
        if not len(sources) == len(targets) == len(ports) == len(loops):
            raise ValueError("edge sequences differ in length")
        self.n = len(joins)
        self.joins = list(joins)
        self.targets = list(targets)
        self.ports = list(ports)
        self.out: list[list[int]] = [[] for _ in joins]
        self.incoming = [0] * self.n
        for edge, (source, target) in enumerate(zip(sources, targets, strict=True)):
            if not (0 <= source < self.n and 0 <= target < self.n):
                raise ValueError(f"edge {edge} names a node outside 0..{self.n - 1}")
            if loops[edge]:
                continue
            if source >= target:
                raise ValueError(f"edge {edge} does not ascend")
            self.out[source].append(edge)
            self.incoming[target] += 1

    def frontier(self) -> Frontier:
        """A new run's frontier over this graph."""
        return Frontier(self)

    def out_edges(self, node: int) -> list[int]:
        """Forward edges that leave `node`, in document order."""
        return list(self.out[node])

    def listens(self, node: int, port: str) -> bool:
        """Whether an edge leaves `node` on `port`."""
        return any(self.ports[edge] == port for edge in self.out[node])


class Frontier:
    """How far one run has come: a cell for every node, and counts of live and waiting ones.

    `live` counts nodes that hold a token, `waiting` those of them that wait or retry, `in_flight`
    those that were dispatched (READY).
    """

    def __init__(self, router: Router) -> None:
        self.router = router
        n = router.n
        self._status = [int(NodeStatus.PENDING)] * n
        self._gen = [0] * n
        self._attempt = [0] * n
        self._iteration = [0] * n
        self._taken = [0] * n
        self._dead = [0] * n
        self._touched: set[int] = set()

    @property
    def live(self) -> int:
        return sum(NodeStatus(s).live for s in self._status)

    @property
    def waiting(self) -> int:
        return sum(s in (NodeStatus.WAITING, NodeStatus.RETRYING) for s in self._status)

    @property
    def in_flight(self) -> int:
        return sum(s == NodeStatus.READY for s in self._status)

    def cell(self, node: int) -> tuple[int, int, int, int, int, int]:
        """(status, gen, attempt, iteration, taken, dead) of a node."""
        return (
            self._status[node], self._gen[node], self._attempt[node], self._iteration[node],
            self._taken[node], self._dead[node],
        )  # fmt: skip

    def load(
        self, node: int, status: int, gen: int, attempt: int, iteration: int, taken: int, dead: int
    ) -> None:
        """Set a cell as it was stored; does not count as touched."""
        self._status[node] = int(NodeStatus(status))
        self._gen[node] = gen
        self._attempt[node] = attempt
        self._iteration[node] = iteration
        self._taken[node] = taken
        self._dead[node] = dead

    def mark(self, node: int, status: int) -> None:
        """Move a node to `status`; nothing else of it changes."""
        self._status[node] = int(NodeStatus(status))
        self._touched.add(node)

    def next_attempt(self, node: int) -> int:
        """Count one more attempt; the new number."""
        self._attempt[node] += 1
        self._touched.add(node)
        return self._attempt[node]

    def start(self) -> list[int]:
        """Arm the nodes that no forward edge enters; their indices, ascending."""
        armed, _ = self.settle()
        return armed

    def resolve(
        self, node: int, port: str, taken: Sequence[int] | None = None
    ) -> tuple[list[int], list[int]]:
        """Resolve the out-edges of a node that ended on `port`, and whatever follows from that.

        `taken` lists positions among the node's out-edges (not edge numbers); without it an edge
        is taken if its port matches. Every other out-edge is dead. Pending nodes whose join is
        met are armed (gen + 1, attempt 1); those that can no longer run are skipped, and their
        out-edges are dead in turn. Returns (armed, skipped), each ascending.
        The caller calls this once for each gen of a node that ended.
        """
        edges = self.router.out[node]
        for position, edge in enumerate(edges):
            if taken is None:
                self._count(edge, self.router.ports[edge] == port)
            else:
                self._count(edge, position in taken)
        return self.settle()

    def settle(self) -> tuple[list[int], list[int]]:
        """Arm or skip every pending node whose edges decide that, a node without any included.

        After `resolve` and `start` nothing is left to settle; a changed graph is another matter.
        Returns (armed, skipped), each ascending. O(n + m).
        """
        armed: list[int] = []
        skipped: list[int] = []
        for i in range(self.router.n):  # ascending is topological: one pass reaches everything
            if self._status[i] != NodeStatus.PENDING:
                continue
            if self._met(i):
                self._arm(i)
                armed.append(i)
            elif self._hopeless(i):
                self.mark(i, NodeStatus.SKIPPED)
                skipped.append(i)
                for edge in self.router.out[i]:
                    self._count(edge, False)
        return armed, skipped

    def count(self, node: int, taken: int, dead: int) -> None:
        """Count edges into `node` that were resolved besides (a patch added them)."""
        self._taken[node] += taken
        self._dead[node] += dead
        self._touched.add(node)

    def take_touched(self) -> list[int]:
        """Nodes whose cell changed since the last call, ascending."""
        touched, self._touched = sorted(self._touched), set()
        return touched

    def nodes_in(self, status: int) -> list[int]:
        """Nodes in `status`, ascending. O(n)."""
        return [i for i, s in enumerate(self._status) if s == status]

    def live_nodes(self) -> list[int]:
        """Nodes that hold a token, ascending. O(n)."""
        return [i for i, s in enumerate(self._status) if NodeStatus(s).live]

    def _count(self, edge: int, taken: bool) -> None:
        target = self.router.targets[edge]
        (self._taken if taken else self._dead)[target] += 1
        self._touched.add(target)

    def _arm(self, node: int) -> None:
        self._gen[node] += 1
        self._attempt[node] = 1
        self.mark(node, NodeStatus.ARMED)

    def _met(self, node: int) -> bool:
        need, taken = self.router.joins[node], self._taken[node]
        if self.router.incoming[node] == 0:
            return True
        if need == 0:
            return taken > 0 and taken + self._dead[node] == self.router.incoming[node]
        return taken >= need

    def _hopeless(self, node: int) -> bool:
        open_edges = self.router.incoming[node] - self._taken[node] - self._dead[node]
        return self._taken[node] + open_edges < max(1, self.router.joins[node])
