# cython: language_level=3
"""The patcher: walks, copies and compares the containers of a document under a JSON Patch.

Interface, rules and errors are documented in `reference_patch.py`, which is the judge of this
module. Bounds checks stay on: every index comes from a pointer.
"""

from minuet.ir.patch_operation import MISSING, Refused, shown

cdef enum:
    SEARCHES = 4


def is_compiled():
    return True


cdef Py_ssize_t _index(str token, Py_ssize_t length) except -1:
    cdef Py_ssize_t size = len(token), position = 0
    cdef Py_UCS4 digit
    if size == 0 or (size > 1 and token[0] == u"0"):
        raise Refused(f"{shown(token)} is no array index")
    for digit in token:
        if not u"0" <= digit <= u"9":
            raise Refused(f"{shown(token)} is no array index")
        if position < 10 ** 16:  # beyond that it is outside any array
            position = position * 10 + (<Py_ssize_t>digit - 48)
    if position >= length:
        raise Refused(f"index {shown(token)} is outside the array")
    return position


cdef object _search(list nodes, str node):
    """Position of the first node with that id, or None."""
    cdef Py_ssize_t position
    cdef object each, name
    for position in range(len(nodes)):
        each = nodes[position]
        if isinstance(each, dict):
            name = (<dict>each).get("id")
            if isinstance(name, str) and <str>name == node:
                return position
    return None


cdef object _no_container(object value):
    return Refused(f"{shown(value)} has no members")


cdef object _child(object container, str token):
    """What is there under `token`."""
    if isinstance(container, dict):
        if token not in <dict>container:
            raise Refused(f"there is no member {shown(token)}")
        return (<dict>container)[token]
    if isinstance(container, list):
        return (<list>container)[_index(token, len(<list>container))]
    raise _no_container(container)


cdef class Patcher:
    def __init__(self, document):
        self.root = document
        self.owned = {}
        self.places = None

    def concrete(self, tuple path):
        return self._concrete(path)

    cdef tuple _concrete(self, tuple path):
        cdef Py_ssize_t count = len(path)
        cdef object nodes, parent
        if count > 2 and path[0] == "nodes" and path[1] == "by-id" and isinstance(self.root, dict):
            nodes = (<dict>self.root).get("nodes")
            if isinstance(nodes, list):
                path = ("nodes", str(self._position(nodes, path[2])), *path[3:])
                count = len(path)
        if count > 0 and path[count - 1] == "-":
            parent = self._walk(path, count - 1)
            if isinstance(parent, list):
                path = (*path[:count - 1], str(len(<list>parent)))
        return path

    cdef Py_ssize_t _position(self, list nodes, str node) except -1:
        """Few look-ups search, for an index costs twice as much; many make the index."""
        cdef object position = None
        self.searches += 1
        if self.places is None and self.searches <= SEARCHES:
            position = _search(nodes, node)
        else:
            if self.places is None:
                self._index_nodes(nodes)
            position = self.places.get(node)
        if position is None:
            raise Refused(f"there is no node with id {shown(node)}")
        return position

    cdef int _index_nodes(self, list nodes) except -1:
        cdef dict places = {}
        cdef Py_ssize_t position = len(nodes)
        cdef object node, name
        for node in reversed(nodes):  # the first of several stays
            position -= 1
            if isinstance(node, dict):
                name = (<dict>node).get("id")
                if isinstance(name, str):
                    places[name] = position
        self.places = places
        return 0

    cdef int _wrote(self, tuple path, object old, object new) except -1:
        """Keep `places` true, or forget it, after the value at a concrete path became another."""
        cdef Py_ssize_t count = len(path)
        if self.places is None or (count > 0 and path[0] != "nodes"):
            return 0
        if count > 3 or (count == 3 and path[2] != "id"):
            return 0
        if count == 2 and isinstance(new, dict):
            name = (<dict>new).get("id")
            if isinstance(name, str):
                if isinstance(old, dict) and (<dict>old).get("id") == name:
                    return 0
                if old is MISSING and self._is_appended(path[1]) and name not in self.places:
                    self.places[name] = len(<list>(<dict>self.root)["nodes"]) - 1
                    return 0
        self.places = None
        return 0

    def _is_appended(self, str token):
        nodes = self.root["nodes"]
        return isinstance(nodes, list) and token == str(len(nodes) - 1)

    def get(self, tuple path):
        path = self._concrete(path)
        return self._walk(path, len(path))

    def add(self, tuple path, value):
        cdef object parent, old = MISSING
        if not path:
            return self._replace_root(value)
        path = self._concrete(path)
        parent = self._writable(path)
        token = path[len(path) - 1]
        if isinstance(parent, dict):
            old = (<dict>parent).get(token, MISSING)
            (<dict>parent)[token] = value
        else:
            (<list>parent).insert(_index(token, len(<list>parent) + 1), value)
        self._wrote(path, old, value)
        return old

    def remove(self, tuple path):
        cdef object parent, old
        if not path:
            raise Refused("the whole document cannot be removed")
        path = self._concrete(path)
        parent = self._writable(path)
        token = path[len(path) - 1]
        old = _child(parent, token)
        if isinstance(parent, dict):
            del (<dict>parent)[token]
        else:
            del (<list>parent)[_index(token, len(<list>parent))]
        self._wrote(path, old, MISSING)
        return old

    def replace(self, tuple path, value):
        cdef object parent, old
        if not path:
            return self._replace_root(value)
        path = self._concrete(path)
        parent = self._writable(path)
        token = path[len(path) - 1]
        old = _child(parent, token)
        if isinstance(parent, dict):
            (<dict>parent)[token] = value
        else:
            (<list>parent)[_index(token, len(<list>parent))] = value
        self._wrote(path, old, value)
        return old

    def disown(self, value):
        # A stack of its own: patches nest values deeper than the C stack might bear.
        cdef list todo = [value]
        cdef object each
        while todo:
            each = todo.pop()
            if self.owned.pop(id(each), None) is not None:
                todo.extend((<dict>each).values() if isinstance(each, dict) else each)

    def _replace_root(self, value):
        old = self.root
        self.root = value
        self.places = None
        return old

    cdef object _walk(self, tuple path, Py_ssize_t count):
        cdef object value = self.root
        cdef Py_ssize_t i
        for i in range(count):
            value = _child(value, path[i])
        return value

    cdef object _writable(self, tuple path):
        """The container that holds the last token of `path`, it and all above it copied."""
        cdef Py_ssize_t i
        cdef object container = self._own(self.root), child, mine
        self.root = container
        for i in range(len(path) - 1):
            token = path[i]
            child = _child(container, token)
            mine = self._own(child)
            if mine is not child:
                if isinstance(container, dict):
                    (<dict>container)[token] = mine
                else:
                    (<list>container)[_index(token, len(<list>container))] = mine
            container = mine
        return container

    cdef object _own(self, object container):
        cdef object copy
        if id(container) in self.owned:
            return container
        if isinstance(container, dict):
            copy = (<dict>container).copy()
        elif isinstance(container, list):
            copy = (<list>container)[:]
        else:
            raise _no_container(container)
        self.owned[id(copy)] = copy
        return copy


def same(left, right):
    cdef list todo = [(left, right)]
    cdef object a, b
    while todo:
        a, b = <tuple>todo.pop()
        if isinstance(a, bool) or isinstance(b, bool):
            if a is not b:
                return False
        elif isinstance(a, dict) and isinstance(b, dict):
            if len(<dict>a) != len(<dict>b):
                return False
            for key, value in (<dict>a).items():
                if key not in <dict>b:
                    return False
                todo.append((value, (<dict>b)[key]))
        elif isinstance(a, list) and isinstance(b, list):
            if len(<list>a) != len(<list>b):
                return False
            todo.extend(zip(a, b))
        elif a != b:
            return False
    return True
