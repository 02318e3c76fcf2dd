# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True
"""The router: which nodes are armed and which are skipped once a node has ended.

Interface, rules and errors are documented in `reference.py`, which is the judge of this module.
Node indices that come from Python are checked in every public method; inside, indices come only
from the CSR arrays, which the constructor has checked: that is why bounds checks are off.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int32_t, int64_t
from libc.stdio cimport snprintf

from minuet.ir.loops import find_loops

cdef enum:
    PENDING = 0
    ARMED = 1
    READY = 2
    WAITING = 3
    RETRYING = 4
    SUCCEEDED = 5
    SKIPPED = 7
    TIMED_OUT = 9
    CANCELLING = 10
    LAST_STATUS = 10

cdef enum:
    RECORD_BYTES = 64  # four int32, or two and an int64, with their blanks

# How an edge out of a loop that goes on was decided.
cdef enum:
    UNDECIDED = 0
    DEAD = 1
    TAKEN = 2


def is_compiled():
    return True


def _check_constants():
    """The enum above repeats numbers whose home is NodeStatus; refuse to load if they part."""
    from minuet.model.status import NodeStatus

    ours = {
        "PENDING": PENDING, "ARMED": ARMED, "READY": READY, "WAITING": WAITING,
        "RETRYING": RETRYING, "SUCCEEDED": SUCCEEDED, "SKIPPED": SKIPPED,
        "TIMED_OUT": TIMED_OUT, "CANCELLING": CANCELLING,
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


cdef inline bint _is_live(int32_t status) noexcept nogil:
    return ARMED <= status <= RETRYING or status == CANCELLING


cdef inline bint _is_ended(int32_t status) noexcept nogil:
    return SUCCEEDED <= status <= TIMED_OUT


cdef class Router:
    def __cinit__(self, joins, sources, targets, ports, loops):
        cdef Py_ssize_t edge, slot, number
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
        self.loops = []
        if any(loops):
            self._add_loops(find_loops(self.n, list(zip(sources, targets)), loops))

    def _add_loops(self, found):
        cdef Py_ssize_t node, slot, number
        self.loops = found.loops
        self.loop_count = <int32_t>len(self.loops)
        self.until = _ints(self.indptr[self.n])
        self.closes = _ints(self.n)
        self.innermost = _ints(self.n)
        for slot in range(self.indptr[self.n]):
            self.until[slot] = found.until[self.edges[slot]]
        for node in range(self.n):
            self.closes[node] = -1
            self.innermost[node] = found.innermost[node]
        for number in range(self.loop_count):
            self.closes[self.loops[number].source] = <int32_t>number

    def __dealloc__(self):
        PyMem_Free(self.until)
        PyMem_Free(self.closes)
        PyMem_Free(self.innermost)
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
        if router.loop_count:
            self.held = <char*>PyMem_Calloc(router.indptr[router.n] + 1, sizeof(char))
            if self.held is NULL:
                raise MemoryError()

    def __dealloc__(self):
        PyMem_Free(self.held)
        PyMem_Free(self.cells)
        PyMem_Free(self.stack)

    cdef int _check(self, Py_ssize_t node) except -1:
        if not 0 <= node < self.router.n:
            raise IndexError(node)
        return 0

    cdef void _move(self, int32_t node, int32_t status) noexcept nogil:
        """Change a status and keep the three counts true."""
        cdef int32_t old = self.cells[node].status
        self.live += <int32_t>_is_live(status) - <int32_t>_is_live(old)
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

    def gen(self, Py_ssize_t node):
        self._check(node)
        return self.cells[node].gen

    def record(self, Py_ssize_t node, int64_t due_at, str port):
        self._check(node)
        cdef Cell* c = &self.cells[node]
        cdef char text[RECORD_BYTES]
        cdef int size
        rounds = ""
        if self.router.loop_count and (positions := self.exits(node)):
            rounds = ":" + ",".join(map(str, positions))
        size = snprintf(text, RECORD_BYTES, "%d %d %d %d", c.status, c.gen, c.attempt, c.iteration)
        first = text[:size].decode("ascii")
        size = snprintf(text, RECORD_BYTES, " %d %d %lld ", c.taken, c.dead, <long long>due_at)
        return first + rounds + text[:size].decode("ascii") + port

    def load(self, Py_ssize_t node, int32_t status, int32_t gen, int32_t attempt,
             int32_t iteration, int32_t taken, int32_t dead):
        self._check(node)
        if not PENDING <= status <= LAST_STATUS:
            raise ValueError(f"{status} is not a valid NodeStatus")
        self._move(<int32_t>node, status)
        cdef Cell* c = &self.cells[node]
        c.gen, c.attempt, c.iteration, c.taken, c.dead = gen, attempt, iteration, taken, dead
        cdef Py_ssize_t slot
        if self.router.loop_count and _is_ended(status):
            for slot in range(self.router.indptr[node], self.router.indptr[node + 1]):
                if self.router.until[slot] >= 0:
                    self.held[slot] = DEAD

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
        if c.status != PENDING or need < 0:
            return 0
        if self.router.incoming[target] == 0:
            met = True
        elif need == 0:
            met = c.taken > 0 and still_open == 0
        else:
            met = c.taken >= need
        if met:
            self._arm(target)
            armed.append(target)
        elif c.taken + still_open < (need if need > 1 else 1):
            self._move(target, SKIPPED)
            self._touch(target)
            skipped.append(target)
            # A node is skipped at most once, so the stack never holds more than n nodes.
            self.stack[depth[0]] = target
            depth[0] += 1
        return 0

    cdef int _arm(self, int32_t node) except -1:
        self.cells[node].gen += 1
        self.cells[node].attempt = 1
        self._move(node, ARMED)
        return self._touch(node)

    cdef int _decide(self, Py_ssize_t slot, int32_t source, bint taken) except -1:
        """Count an edge for its target, or keep what was decided until its loop is over."""
        cdef Router router = self.router
        cdef int32_t until = router.until[slot] if router.loop_count else -1
        if until < 0 or _is_ended(self.cells[<int32_t>router.loops[until].source].status):
            return self._tally(router.targets[slot], taken)
        self.held[slot] = TAKEN if taken else DEAD
        return self._touch(source)

    cdef int _settle_row(self, int32_t node, list armed, list skipped, int32_t* depth) except -1:
        """Settle what the node's edges lead to. If it closes a loop, which is over by that, the
        edges that waited for it are counted first."""
        cdef Router router = self.router
        cdef Py_ssize_t slot, number
        cdef int32_t each
        cdef list waited = []
        if router.loop_count and router.closes[node] >= 0:
            number = router.closes[node]
            for each in router.loops[number].body:
                for slot in range(router.indptr[each], router.indptr[each + 1]):
                    if router.until[slot] == number and self.held[slot] != UNDECIDED:
                        self._tally(router.targets[slot], self.held[slot] == TAKEN)
                        self.held[slot] = UNDECIDED
                        self._touch(each)
                        waited.append(router.targets[slot])
        for slot in range(router.indptr[node], router.indptr[node + 1]):
            self._settle(router.targets[slot], armed, skipped, depth)
        for each in waited:
            self._settle(each, armed, skipped, depth)
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
                self._decide(slot, <int32_t>node, router.port_of[slot] == port_id)
        else:
            positions = set(taken)
            for slot in range(first, last):
                self._decide(slot, <int32_t>node, (slot - first) in positions)
        self._settle_row(<int32_t>node, armed, skipped, &depth)
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
                self._decide(slot, current, False)
            self._settle_row(current, armed, skipped, &depth)
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

    def iterate(self, Py_ssize_t node):
        self._check(node)
        cdef Router router = self.router
        if not router.loop_count or router.closes[node] < 0:
            raise KeyError(node)
        cdef int32_t number = router.closes[node], each, header
        cdef int32_t iteration = self.cells[node].iteration + 1
        cdef Py_ssize_t slot
        cdef Cell* c
        loop = router.loops[number]
        header = loop.header
        for each in loop.body:
            c = &self.cells[each]
            c.attempt = 0
            c.iteration = iteration if router.innermost[each] == number else 0
            if each != header:  # what enters that one comes from outside
                c.taken = c.dead = 0
            for slot in range(router.indptr[each], router.indptr[each + 1]):
                self.held[slot] = UNDECIDED
            self._move(each, PENDING)
            self._touch(each)
        self._arm(header)
        return header

    def body(self, Py_ssize_t node):
        self._check(node)
        if not self.router.loop_count or self.router.closes[node] < 0:
            return []
        return list(self.router.loops[self.router.closes[node]].body)

    def arm(self, Py_ssize_t node):
        self._check(node)
        self._arm(<int32_t>node)

    def exits(self, Py_ssize_t node):
        self._check(node)
        cdef Py_ssize_t slot, first = self.router.indptr[node]
        if not self.router.loop_count:
            return []
        return [
            slot - first for slot in range(first, self.router.indptr[node + 1])
            if self.held[slot] == TAKEN
        ]

    def load_exits(self, Py_ssize_t node, positions):
        self._check(node)
        cdef Py_ssize_t slot, first = self.router.indptr[node]
        for position in positions:
            slot = first + position
            if not (self.router.loop_count and first <= slot < self.router.indptr[node + 1]):
                raise IndexError(position)
            self.held[slot] = TAKEN

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
            if _is_live(self.cells[node].status)
        ]
