"""Namespaces are found by themselves, each of them once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import namespaces


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(namespaces, "__path__", [str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(f"{namespaces.__name__}.")]:
        del sys.modules[name]


def test_a_wrapper_that_another_module_imports_is_served_once(folder: Path) -> None:
    (folder / "chat.py").write_text(
        "from .lobby import lobby_socket\nfrom ..core import SocketWrapper\n"
        'chat_socket = SocketWrapper(socket_namespace="chat")\n'
    )
    (folder / "lobby.py").write_text(
        'from ..core import SocketWrapper\nlobby_socket = SocketWrapper(socket_namespace="lobby")\n'
    )

    found = namespaces.find_namespaces()

    assert sorted(wrapper.namespace for wrapper in found) == ["/chat", "/lobby"]


def test_a_module_that_cannot_be_imported_is_not_passed_over(folder: Path) -> None:
    (folder / "broken.py").write_text("import no_such_module\n")

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        namespaces.find_namespaces()
