from libc.stdint cimport int32_t

cdef struct Cell:
    int32_t status
    int32_t gen
    int32_t attempt
    int32_t iteration
    int32_t taken
    int32_t dead
    int32_t touched


cdef class Router:
    cdef readonly int32_t n
    cdef int32_t m
    cdef int32_t* joins      # int32[n]: 0 = all, else taken edges that arm
    cdef int32_t* incoming   # int32[n]: forward edges that enter
    cdef int32_t* indptr     # int32[n + 1]: CSR row starts of the out-edges
    cdef int32_t* targets    # int32[indptr[n]]: target of each out-edge, rows in document order
    cdef int32_t* edges      # int32[indptr[n]]: number of the edge in the document
    cdef int32_t* port_of    # int32[indptr[n]]: id of the port it leaves on
    cdef dict port_ids
    cdef readonly int32_t loop_count
    cdef int32_t* until      # int32[indptr[n]]: loop that each out-edge waits for, or -1
    cdef int32_t* closes     # int32[n]: loop that the node closes, or -1
    cdef int32_t* innermost  # int32[n]: smallest loop around the node, or -1
    cdef list loops          # the Loop of each number


cdef class Frontier:
    cdef readonly Router router
    cdef Cell* cells         # Cell[n]
    cdef int32_t* stack      # int32[n]: skipped nodes still to be expanded
    cdef readonly int32_t live
    cdef readonly int32_t waiting
    cdef readonly int32_t in_flight
    cdef list touched
    cdef char* held          # char[indptr[n]]: how an edge out of a loop that goes on was decided

    cdef int _check(self, Py_ssize_t node) except -1
    cdef void _move(self, int32_t node, int32_t status) noexcept nogil
    cdef int _touch(self, int32_t node) except -1
    cdef int _settle(self, int32_t target, list armed, list skipped, int32_t* depth) except -1
    cdef int _tally(self, int32_t target, bint taken) except -1
    cdef int _decide(self, Py_ssize_t slot, int32_t source, bint taken) except -1
    cdef int _settle_row(self, int32_t node, list armed, list skipped, int32_t* depth) except -1
    cdef int _arm(self, int32_t node) except -1
    cdef tuple _walk(self, list armed, list skipped, int32_t depth)
