"""What a project was made of: its own files, and those of each namespace, each layer with its version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from macchiato_cli import __version__
from macchiato_cli.errors import Refused
from macchiato_cli.names import right_namespace
from macchiato_cli.plan import File
from macchiato_cli.project import (
    PROJECT_RECORD,
    NamespaceRecord,
    ProjectRecord,
    namespace_record,
    read_namespaces,
    read_project,
)
from macchiato_cli.record_file import damaged
from macchiato_cli.renames import renames
from macchiato_cli.scaffold import namespace_files, project_files

Files = Mapping[str, File]


@dataclass(frozen=True)
class Layer:
    """What one record accounts for.

    Args:
        record: The path of the record.
        then: The record as the macchiato of its version wrote it.
        now: As this one writes it.
        base: What the template made of the record in its version, but for the record.
        theirs: What it makes of it now.
        renamed: The paths that are called otherwise now: old to new.
    """

    name: str
    version: str
    record: str
    then: File
    now: File
    base: Files
    theirs: Files
    renamed: Mapping[str, str]

    @property
    def is_behind(self) -> bool:
        """Whether it is from an earlier macchiato."""
        return self.version != __version__


def read_layers(root: Path) -> list[Layer]:
    """All layers of a project; no two have a file in common.

    Raises:
        Refused: A record is damaged, from a version that is not known here, or of a namespace whose name
            is the template's by now.
    """
    layers = [_project_layer(read_project(root)), *map(_namespace_layer, read_namespaces(root))]
    _check_apart(root, layers)
    return layers


def _project_layer(record: ProjectRecord) -> Layer:
    def files(version: str) -> Files:
        return project_files(replace(record, version=version))

    module = record.namespace.module
    return _layer("the project", "project", module, PROJECT_RECORD, record.version, files)


def _namespace_layer(record: NamespaceRecord) -> Layer:
    def files(version: str) -> Files:
        return namespace_files(replace(record, version=version))

    name, module = f"namespace {record.name.wire}", record.name.module
    return _layer(name, "namespace", module, namespace_record(module), record.version, files)


def _layer(
    name: str, kind: str, module: str, record: str, version: str, files: Callable[[str], Files]
) -> Layer:
    theirs = dict(files(__version__))
    base = dict(theirs if version == __version__ else files(version))
    then, now = base.pop(record), theirs.pop(record)
    renamed = renames(kind, since=version, until=__version__, module=module)
    return Layer(name, version, record, then, now, base, theirs, renamed)


def _check_apart(root: Path, layers: list[Layer]) -> None:
    owners: dict[str, Layer] = {}
    for layer in layers:
        for path in sorted({*layer.base, *layer.theirs}):
            owner = owners.setdefault(path, layer)
            if owner is layer:
                continue
            if path in owner.base and path in layer.base:
                raise damaged(root / layer.record, f"{path} is a file of {owner.name} too")
            raise _name_taken(layer, owner, path)


def _name_taken(layer: Layer, owner: Layer, path: str) -> Refused:
    """A namespace whose name was free when it was made."""
    taken = layer.name.removeprefix("namespace ")
    return Refused(
        f"{layer.name} cannot be called that any more",
        code="name_taken",
        reasons=(f"in macchiato {__version__}, {path} is a file of {owner.name}",),
        tries=(
            f"macchiato add-namespace {right_namespace(taken)}   # and move your listeners there",
            f"macchiato remove-namespace {taken}",
            "macchiato update",
        ),
        paths=(path,),
    )
