"""The contract of a generated project: valid, locked from the beginning, and kept by its tests."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts.lock_contract import TEMPLATE, contract_of_new_project
from tests.generated.conftest import Project
from tests.services import require

NODE = Path(__file__).resolve().parents[1] / "node"
VALIDATOR = NODE / "node_modules" / "@asyncapi" / "parser"


def test_a_new_project_is_locked_to_its_contract(tmp_path: Path) -> None:
    contract = contract_of_new_project(tmp_path / "project")

    assert contract == TEMPLATE.read_text("utf-8").replace("[= namespace =]", "devUser"), (
        "to have what is new in the template: python scripts/lock_contract.py"
    )


def test_the_contract_is_valid_to_asyncapi_s_own_validator(project: Project, tmp_path: Path) -> None:
    node = require("node", "AsyncAPI's validator runs on Node.js")
    require(VALIDATOR, "npm install --prefix tests/node @asyncapi/parser")
    document = tmp_path / "asyncapi.json"
    document.write_text(project.run(project.python, "-m", "app.contract"))

    def problems() -> list[str]:
        command = [node, str(NODE / "validate_asyncapi.mjs"), str(document)]
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return [problem["message"] for problem in json.loads(found.stdout)]

    assert problems() == []
    # It does look.
    damaged = json.loads(document.read_text())
    damaged["operations"]["devUser.sayStuff"]["action"] = "shout"
    document.write_text(json.dumps(damaged))
    assert problems() == ['"action" property must be equal to one of the allowed values: "send", "receive"']


def test_a_change_that_breaks_clients_fails_the_project_s_own_check(project: Project) -> None:
    listeners = project.folder / "app" / "namespaces" / "dev_user.py"
    written = listeners.read_text()
    assert project.run(project.python, "-m", "app.contract", "--check") == (
        "the contract is as in contract.lock.json\n"
    )
    try:
        listeners.write_text(written.replace("    text: Text,\n", "    text: Text,\n    urgent: bool,\n"))
        with pytest.raises(AssertionError, match="/devUser sayStuff: urgent is required now"):
            project.run(project.python, "-m", "app.contract", "--check")
    finally:
        listeners.write_text(written)
