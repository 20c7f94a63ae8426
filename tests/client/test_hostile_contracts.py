"""Whatever a contract says, its clients are valid code, as the formatter writes it."""

import ast
import io
import json
import tokenize
from pathlib import Path

import pytest

from macchiato_cli.client import python, typescript
from macchiato_cli.client.contract import Unreadable
from macchiato_cli.client.naming import RESERVED
from tests.client.checks import RUNTIME, check_format, mypy, write_modules
from tests.client.checks import typescript as tsc
from tests.client.hostile import NASTY, document


def test_python_clients_are_formatted_and_strictly_typed(tmp_path: Path) -> None:
    write_modules(tmp_path, document())
    (tmp_path / "client.py").write_text(python.file_of(document(), RUNTIME.read_text()))

    check_format(tmp_path)
    assert mypy(tmp_path, "client.py", "typed") == []


def test_nothing_of_a_contract_becomes_a_comment_in_python() -> None:
    text = python.file_of(document(), RUNTIME.read_text())

    comments = [
        each.string
        for each in tokenize.generate_tokens(io.StringIO(text).readline)
        if each.type == tokenize.COMMENT
    ]
    own = [
        each.string
        for each in tokenize.generate_tokens(io.StringIO(RUNTIME.read_text()).readline)
        if each.type == tokenize.COMMENT
    ]
    assert comments == own
    constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    assert NASTY in constants
    assert text.isprintable() or {c for c in text if not c.isprintable()} == {"\n"}


def test_typescript_clients_are_strictly_typed(tmp_path: Path) -> None:
    text = typescript.file_of(document())
    (tmp_path / "client.ts").write_text(text)

    assert tsc(tmp_path, "client.ts") == []
    assert {c for c in text if not c.isprintable()} == {"\n"}


def test_the_same_contract_gives_the_same_bytes() -> None:
    again = json.loads(json.dumps(document()))

    assert typescript.file_of(again) == typescript.file_of(document())
    assert python.modules_of(again) == python.modules_of(document())


def test_the_names_that_the_runtime_has_are_taken() -> None:
    tree = ast.parse(RUNTIME.read_text())
    names = {
        name
        for node in tree.body
        for name in (
            [each.asname or each.name for each in node.names]
            if isinstance(node, ast.Import | ast.ImportFrom)
            else [node.name]
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
            else [node.target.id]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            else [each.id for each in node.targets if isinstance(each, ast.Name)]
            if isinstance(node, ast.Assign)
            else []
        )
    }
    assert {name for name in names if not name.startswith("_")} - {"annotations"} <= RESERVED


@pytest.mark.parametrize(
    "broken",
    [
        *(None, 5, [], {}),
        {"channels": {"a": {}}, "operations": {}, "components": {}},
        {
            "channels": {"a": {"address": "/a"}},
            "operations": {"b": {"channel": {"$ref": "#/channels/a"}}},
            "components": {},
        },
        {
            "channels": {"a": {"address": "/a"}},
            "operations": {"b": {"channel": {"$ref": "#/c"}}},
            "components": {},
        },
    ],
)
def test_what_is_no_contract_is_refused(broken: object) -> None:
    with pytest.raises(Unreadable):
        python.modules_of(broken)
    with pytest.raises(Unreadable):
        typescript.file_of(broken)
