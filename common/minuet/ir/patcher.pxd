cdef class Patcher:
    cdef readonly object root
    cdef dict owned          # id -> container copied in this call; kept alive, so ids stay theirs
    cdef int searches        # look-ups by id so far
    cdef dict places         # node id -> position of the first node with it; None = not known

    cdef tuple _concrete(self, tuple path)
    cdef Py_ssize_t _position(self, list nodes, str node) except -1
    cdef int _index_nodes(self, list nodes) except -1
    cdef int _wrote(self, tuple path, object old, object new) except -1
    cdef object _walk(self, tuple path, Py_ssize_t count)
    cdef object _writable(self, tuple path)
    cdef object _own(self, object container)
