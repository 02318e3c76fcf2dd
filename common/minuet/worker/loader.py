"""From what the command line names to the node types behind it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from minuet.model.errors import InvalidInput

from .registry import NodeDefinitionError, Registry, spec_of


class LoadError(InvalidInput):
    """A module cannot be served; the message says which and why."""

    code = "load"


def load(targets: Sequence[str], folder: Path | None = None) -> Registry:
    """Every node type of the targets: `my_module`, `my_module:app` or `path/to/file.py`.

    A bare module gives each decorated function in it, imported ones included; `app` is a Registry
    or one function. `folder` (default: the current one) is where modules are looked for first.
    Raises LoadError.
    """
    put_first(folder or Path.cwd())
    registry = Registry()
    for target in targets:
        name, _, attribute = module_name(target)
        module = import_module(name)
        _check_place(target, module)
        try:
            add_all(registry, module, attribute)
        except NodeDefinitionError as exc:
            raise LoadError(f"{target}: {exc}") from exc
    if not len(registry):
        raise LoadError(f"no function in {', '.join(targets)} is decorated with @node")
    return registry


def module_name(target: str) -> tuple[str, str, str]:
    """Parts of `module:attribute`; the folder of a file is made importable. Raises LoadError."""
    name, colon, attribute = target.partition(":")
    if name.endswith(".py"):
        path = Path(name).resolve()
        if not path.is_file():
            raise LoadError(f"there is no file {name}")
        put_first(path.parent)
        name = path.stem
    return name, colon, attribute


def watched_folders(targets: Sequence[str], folder: Path | None = None) -> list[Path]:
    """Where the sources of the targets lie. Raises LoadError for a module that is not there."""
    put_first(folder or Path.cwd())
    found: set[Path] = set()
    for target in targets:
        name = module_name(target)[0].split(".")[0]
        spec = importlib.util.find_spec(name)
        if spec is None or (spec.origin is None and not spec.submodule_search_locations):
            raise LoadError(f"there is no module {name!r} here")
        places = spec.submodule_search_locations or [str(Path(str(spec.origin)).parent)]
        found.update(Path(place) for place in places)
    return sorted(found)


def put_first(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except NodeDefinitionError as exc:
        raise LoadError(f"{name}: {exc}") from exc
    except Exception as exc:
        raise LoadError(f"cannot import {name!r}: {type(exc).__name__}: {exc}") from exc


def _check_place(target: str, module: ModuleType) -> None:
    """Raises LoadError where a file is named like a module that is imported already."""
    path = target.partition(":")[0]
    place = module.__file__
    if path.endswith(".py") and (place is None or Path(place).resolve() != Path(path).resolve()):
        at = f" ({place})" if place else ""
        raise LoadError(f"{path} is named like the module {module.__name__!r}{at}: rename it")


def add_all(registry: Registry, module: ModuleType, attribute: str) -> None:
    found: Any = getattr(module, attribute, None) if attribute else vars(module).values()
    if found is None:
        raise LoadError(f"{module.__name__} has no {attribute!r}")
    if isinstance(found, Registry):
        for spec in found:
            registry.add(spec)
    elif attribute:
        registry.add(found)
    else:
        for value in list(found):
            if (declared := spec_of(value)) is not None:
                registry.add(declared)
