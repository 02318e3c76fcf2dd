"""The router in plain Python: slow, obvious, and the judge of the compiled one.

Same interface as `router.pyx`; `minuet.ir.routing` chooses. Where the compiled router follows a
worklist, this one looks at every node again after each change.
"""

from __future__ import annotations

from collections.abc import Sequence

from minuet.model.state import NodeRecord
from minuet.model.status import NodeStatus

from .loops import find_loops

_COMPILED = False


def is_compiled() -> bool:
    """Whether this module is the compiled router."""
    return _COMPILED


class Router:
    """The graph of one IR: what `resolve` needs to know of it.

    `joins[i]` is 0 for `all`, -1 for a node that no edge arms, else the number of taken edges that
    arms node i. Edges are given as three sequences of one length m; `loops` marks back edges, which
    never count for joins. Nodes must be in topological order of the forward edges: a forward edge
    goes to a higher index, and what an edge out of a loop leads to comes after that loop's source.
    Raises ValueError if the sequences differ in length, name a node outside 0..n-1, a forward
    edge does not ascend, or a back edge closes no sound loop (see `minuet.ir.loops`).
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
        found = find_loops(self.n, list(zip(sources, targets, strict=True)), loops)
        self.loops, self.innermost, self.until = found
        self.closes = {loop.source: number for number, loop in enumerate(self.loops)}

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
        self._held: dict[int, bool] = {}  # edge out of a loop that goes on -> taken
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

    def gen(self, node: int) -> int:
        """The node's present execution, 0 before the first."""
        return self._gen[node]

    def record(self, node: int, due_at: int, port: str) -> str:
        """Text of the node's NodeRecord."""
        status, gen, attempt, iteration, taken, dead = self.cell(node)
        exits = tuple(self.exits(node))
        return NodeRecord(
            NodeStatus(status), gen, attempt, iteration, taken, dead, due_at, port, exits
        ).encode()

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
        if NodeStatus(status).ended:
            for edge in self.router.out[node]:
                if self.router.until[edge] >= 0:
                    self._held[edge] = False

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
        Edges that leave a loop count when its source has ended or was skipped. The caller has
        marked the node as ended, and calls this once for each gen of it.
        """
        for position, edge in enumerate(self.router.out[node]):
            if taken is None:
                self._decide(edge, self.router.ports[edge] == port, node)
            else:
                self._decide(edge, position in taken, node)
        self._leave(node)
        return self.settle()

    def iterate(self, node: int) -> int:
        """Begin another round of the loop that `node` closes: its body is pending again, one
        iteration on, its header armed. Live nodes of the body must have been cancelled. Returns the
        header. Raises KeyError if the node closes no loop."""
        number = self.router.closes[node]
        loop = self.router.loops[number]
        iteration = self._iteration[node] + 1
        for each in loop.body:
            self._attempt[each] = 0
            self._iteration[each] = iteration if self.router.innermost[each] == number else 0
            if each != loop.header:  # what enters that one comes from outside
                self._taken[each] = self._dead[each] = 0
            for edge in self.router.out[each]:
                self._held.pop(edge, None)
            self.mark(each, NodeStatus.PENDING)
        self._arm(loop.header)
        return loop.header

    def body(self, node: int) -> list[int]:
        """Nodes of the loop that `node` closes, ascending; none if it closes none."""
        number = self.router.closes.get(node)
        return [] if number is None else list(self.router.loops[number].body)

    def arm(self, node: int) -> None:
        """Arm a pending node whatever its edges say."""
        self._arm(node)

    def exits(self, node: int) -> list[int]:
        """Positions of the taken ones among the node's out-edges that wait for the end of a
        loop."""
        edges = self.router.out[node]
        return [position for position, edge in enumerate(edges) if self._held.get(edge)]

    def load_exits(self, node: int, positions: Sequence[int]) -> None:
        """Set them as they were stored, after `load`."""
        for position in positions:
            self._held[self.router.out[node][position]] = True

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
                    self._decide(edge, False, i)
                self._leave(i)
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

    def _decide(self, edge: int, taken: bool, source: int) -> None:
        until = self.router.until[edge]
        if until < 0 or self._is_over(until):
            self._count(edge, taken)
        else:
            self._held[edge] = taken
            self._touched.add(source)

    def _is_over(self, loop: int) -> bool:
        return NodeStatus(self._status[self.router.loops[loop].source]).ended

    def _leave(self, node: int) -> None:
        """If the node closes a loop, which is over by that: count the edges that waited for it."""
        number = self.router.closes.get(node)
        if number is None:
            return
        for each in self.router.loops[number].body:
            for edge in self.router.out[each]:
                if self.router.until[edge] == number and edge in self._held:
                    self._count(edge, self._held.pop(edge))
                    self._touched.add(each)

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
        if need < 0:
            return False
        if self.router.incoming[node] == 0:
            return True
        if need == 0:
            return taken > 0 and taken + self._dead[node] == self.router.incoming[node]
        return taken >= need

    def _hopeless(self, node: int) -> bool:
        if self.router.joins[node] < 0:
            return False
        open_edges = self.router.incoming[node] - self._taken[node] - self._dead[node]
        return self._taken[node] + open_edges < max(1, self.router.joins[node])
