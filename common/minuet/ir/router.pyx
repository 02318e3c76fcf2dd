# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True
"""The router: which nodes are armed and which are skipped once a node has ended.

Interface, rules and errors are documented in `reference.py`, which is the judge of this module.
Node indices that come from Python are checked in every public method; inside, indices come only
from the CSR arrays, which the constructor has checked: that is why bounds checks are off.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int32_t

cdef enum:
    PENDING = 0
    ARMED = 1
    READY = 2
    WAITING = 3
    RETRYING = 4
    SUCCEEDED = 5
    SKIPPED = 7
    LAST_STATUS = 9


def is_compiled():
    return True


def _check_constants():
    """The enum above repeats numbers whose home is NodeStatus; refuse to load if they part."""
    from minuet.model.status import NodeStatus

    ours = {
        "PENDING": PENDING, "ARMED": ARMED, "READY": READY, "WAITING": WAITING,
        "RETRYING": RETRYING, "SUCCEEDED": SUCCEEDED, "SKIPPED": SKIPPED,
    }
    for name, number in ours.items():
        if NodeStatus[name] != number:
            raise ImportError(f"router.pyx and NodeStatus disagree on {name}")
    if max(NodeStatus) != LAST_STATUS:
        raise ImportError("router.pyx does not know every NodeStatus")


_check_constants()


cdef int32_t* _ints(Py_ssize_t count) except NULL:
    # At least one element: calloc(0) may return NULL, which means "no memory" here.
    cdef int32_t* block = <int32_t*>PyMem_Calloc(count if count > 0 else 1, sizeof(int32_t))
    if block is NULL:
        raise MemoryError()
    return block


cdef class Router:
    def __cinit__(self, joins, sources, targets, ports, loops):
        cdef Py_ssize_t edge, slot
        cdef int32_t source, target
        self.n = len(joins)
        self.m = len(sources)
        if not (self.m == len(targets) == len(ports) == len(loops)):
            raise ValueError("edge sequences differ in length")
        self.joins = _ints(self.n)
        self.incoming = _ints(self.n)
        self.indptr = _ints(self.n + 1)
        self.targets = _ints(self.m)
        self.edges = _ints(self.m)
        self.port_of = _ints(self.m)
        self.port_ids = {}
        for edge in range(self.n):
            self.joins[edge] = joins[edge]
        for edge in range(self.m):
            source, target = sources[edge], targets[edge]
            if not (0 <= source < self.n and 0 <= target < self.n):
                raise ValueError(f"edge {edge} names a node outside 0..{self.n - 1}")
            if loops[edge]:
                continue
            if source >= target:
                raise ValueError(f"edge {edge} does not ascend")
            self.indptr[source + 1] += 1
            self.incoming[target] += 1
        for edge in range(self.n):
            self.indptr[edge + 1] += self.indptr[edge]
        fill = [self.indptr[edge] for edge in range(self.n)]
        for edge in range(self.m):
            if loops[edge]:
                continue
            slot = fill[sources[edge]]
            fill[sources[edge]] = slot + 1
            self.targets[slot] = targets[edge]
            self.edges[slot] = <int32_t>edge
            self.port_of[slot] = self.port_ids.setdefault(ports[edge], len(self.port_ids))

    def __dealloc__(self):
        PyMem_Free(self.joins)
        PyMem_Free(self.incoming)
        PyMem_Free(self.indptr)
        PyMem_Free(self.targets)
        PyMem_Free(self.edges)
        PyMem_Free(self.port_of)

    def frontier(self):
        return Frontier(self)

    def out_edges(self, Py_ssize_t node):
        cdef Py_ssize_t slot
        if not 0 <= node < self.n:
            raise IndexError(node)
        return [self.edges[slot] for slot in range(self.indptr[node], self.indptr[node + 1])]

    def listens(self, Py_ssize_t node, str port):
        cdef Py_ssize_t slot
        cdef int32_t port_id = self.port_ids.get(port, -1)
        if not 0 <= node < self.n:
            raise IndexError(node)
        for slot in range(self.indptr[node], self.indptr[node + 1]):
            if self.port_of[slot] == port_id:
                return True
        return False


cdef class Frontier:
    def __cinit__(self, Router router):
        self.router = router
        self.touched = []
        self.stack = _ints(router.n)
        self.cells = <Cell*>PyMem_Calloc(router.n if router.n > 0 else 1, sizeof(Cell))
        if self.cells is NULL:
            raise MemoryError()

    def __dealloc__(self):
        PyMem_Free(self.cells)
        PyMem_Free(self.stack)

    cdef int _check(self, Py_ssize_t node) except -1:
        if not 0 <= node < self.router.n:
            raise IndexError(node)
        return 0

    cdef void _move(self, int32_t node, int32_t status) noexcept nogil:
        """Change a status and keep the three counts true."""
        cdef int32_t old = self.cells[node].status
        self.live += (ARMED <= status <= RETRYING) - (ARMED <= old <= RETRYING)
        self.waiting += (WAITING <= status <= RETRYING) - (WAITING <= old <= RETRYING)
        self.in_flight += (status == READY) - (old == READY)
        self.cells[node].status = status

    cdef int _touch(self, int32_t node) except -1:
        if not self.cells[node].touched:
            self.cells[node].touched = 1
            self.touched.append(node)
        return 0

    def cell(self, Py_ssize_t node):
        self._check(node)
        cdef Cell* c = &self.cells[node]
        return (c.status, c.gen, c.attempt, c.iteration, c.taken, c.dead)

    def load(self, Py_ssize_t node, int32_t status, int32_t gen, int32_t attempt,
             int32_t iteration, int32_t taken, int32_t dead):
        self._check(node)
        if not PENDING <= status <= LAST_STATUS:
            raise ValueError(f"{status} is not a valid NodeStatus")
        self._move(<int32_t>node, status)
        cdef Cell* c = &self.cells[node]
        c.gen, c.attempt, c.iteration, c.taken, c.dead = gen, attempt, iteration, taken, dead

    def mark(self, Py_ssize_t node, int32_t status):
        self._check(node)
        if not PENDING <= status <= LAST_STATUS:
            raise ValueError(f"{status} is not a valid NodeStatus")
        self._move(<int32_t>node, status)
        self._touch(<int32_t>node)

    def next_attempt(self, Py_ssize_t node):
        self._check(node)
        self.cells[node].attempt += 1
        self._touch(<int32_t>node)
        return self.cells[node].attempt

    def start(self):
        return self.settle()[0]

    cdef int _settle(self, int32_t target, list armed, list skipped, int32_t* depth) except -1:
        """Arm or skip a pending node if its counts decide that; O(1)."""
        cdef Cell* c = &self.cells[target]
        cdef int32_t need = self.router.joins[target]
        cdef int32_t still_open = self.router.incoming[target] - c.taken - c.dead
        cdef bint met
        if c.status != PENDING:
            return 0
        if self.router.incoming[target] == 0:
            met = True
        elif need == 0:
            met = c.taken > 0 and still_open == 0
        else:
            met = c.taken >= need
        if met:
            c.gen += 1
            c.attempt = 1
            self._move(target, ARMED)
            self._touch(target)
            armed.append(target)
        elif c.taken + still_open < (need if need > 1 else 1):
            self._move(target, SKIPPED)
            self._touch(target)
            skipped.append(target)
            # A node is skipped at most once, so the stack never holds more than n nodes.
            self.stack[depth[0]] = target
            depth[0] += 1
        return 0

    cdef int _tally(self, int32_t target, bint taken) except -1:
        if taken:
            self.cells[target].taken += 1
        else:
            self.cells[target].dead += 1
        return self._touch(target)

    def resolve(self, Py_ssize_t node, str port, taken=None):
        self._check(node)
        cdef Router router = self.router
        cdef int32_t depth = 0
        cdef int32_t port_id = -1
        cdef Py_ssize_t slot, first = router.indptr[node], last = router.indptr[node + 1]
        cdef list armed = [], skipped = []
        cdef set positions
        # All of the node's own edges are counted before any target is settled: with parallel
        # edges to one target the order must not matter.
        if taken is None:
            port_id = router.port_ids.get(port, -1)
            for slot in range(first, last):
                self._tally(router.targets[slot], router.port_of[slot] == port_id)
        else:
            positions = set(taken)
            for slot in range(first, last):
                self._tally(router.targets[slot], (slot - first) in positions)
        for slot in range(first, last):
            self._settle(router.targets[slot], armed, skipped, &depth)
        return self._walk(armed, skipped, depth)

    cdef tuple _walk(self, list armed, list skipped, int32_t depth):
        """Expand the skipped nodes on the stack; the sorted result."""
        cdef Router router = self.router
        cdef int32_t current
        cdef Py_ssize_t slot
        while depth > 0:
            depth -= 1
            current = self.stack[depth]
            for slot in range(router.indptr[current], router.indptr[current + 1]):
                self._tally(router.targets[slot], False)
                self._settle(router.targets[slot], armed, skipped, &depth)
        if len(armed) > 1:
            armed.sort()
        if len(skipped) > 1:
            skipped.sort()
        return armed, skipped

    def settle(self):
        cdef int32_t depth = 0, node
        cdef list armed = [], skipped = []
        for node in range(self.router.n):
            self._settle(node, armed, skipped, &depth)
            # Expanded at once: the stack never holds more than this node's own cascade, and a
            # later node sees every edge that is dead already.
            self._walk(armed, skipped, depth)
            depth = 0
        return armed, skipped

    def count(self, Py_ssize_t node, int32_t taken, int32_t dead):
        self._check(node)
        self.cells[node].taken += taken
        self.cells[node].dead += dead
        self._touch(<int32_t>node)

    def take_touched(self):
        cdef list touched = self.touched
        self.touched = []
        for node in touched:
            self.cells[<int32_t>node].touched = 0
        touched.sort()
        return touched

    def nodes_in(self, int32_t status):
        cdef int32_t node
        return [node for node in range(self.router.n) if self.cells[node].status == status]

    def live_nodes(self):
        cdef int32_t node
        return [
            node for node in range(self.router.n)
            if ARMED <= self.cells[node].status <= RETRYING
        ]
