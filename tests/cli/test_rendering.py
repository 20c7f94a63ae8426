"""What it takes to make files of a template."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from jinja2 import Environment

from macchiato_cli.names import EventName, NamespaceName
from macchiato_cli.project import NamespaceRecord
from macchiato_cli.scaffold import namespace_files


def test_each_text_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copier would compile the name of a folder again for each file in it."""
    compiled: Counter[str] = Counter()
    compile_text, from_string = Environment.compile, Environment.from_string

    def counting(self: Environment, source: Any, *args: Any, **more: Any) -> Any:
        compiled[source] += isinstance(source, str)
        return compile_text(self, source, *args, **more)

    monkeypatch.setattr(Environment, "compile", counting)
    record = NamespaceRecord(NamespaceName("chat"), (EventName("sayStuff"),), public=False, version="0.4.0")

    assert namespace_files(record)

    assert compiled
    assert {text: count for text, count in compiled.items() if count > 1} == {}
    assert Environment.from_string is from_string
