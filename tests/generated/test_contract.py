"""The contract of a generated project: valid, locked from the beginning, and kept by its tests."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts.lock_contract import TEMPLATE, contract_of_new_project
from tests.client.checks import typescript
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


# What a page would do: register, connect, say something, hear it.
PROGRAM = """
import { connectDevUser } from "./client.js";

const url = process.argv[2] ?? "";
const account = { name: "Ada", email: `ada.${Date.now()}@example.com`, password: "correct horse battery" };
const headers = { "Content-Type": "application/json" };
const answer = await fetch(`${url}/api/users`, { method: "POST", headers, body: JSON.stringify(account) });
const { token } = (await answer.json()) as { token: string };
const ada = connectDevUser(url, { token });
const heard = new Promise<string>((resolve) => ada.on("sayingStuff", ({ message }) => resolve(message)));
const ack = await ada.emitWithAck("sayStuff", "hi");
console.log(ack.ok, await heard);
ada.close();
"""


def test_a_client_in_typescript_talks_to_the_generated_server(
    project: Project, port: int, tmp_path: Path
) -> None:
    node = require("node", "install Node.js 20 or newer")
    project.macchiato("client", "typescript", "-o", str(tmp_path / "client.ts"))
    (tmp_path / "talk.ts").write_text(PROGRAM)
    assert typescript(tmp_path, "client.ts", "talk.ts", emit=True) == []

    with project.serving(port) as url:
        ran = subprocess.run(
            [node, "talk.js", url], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "true You said: hi ...\n", "")
    project.macchiato("client", "typescript", "-o", str(tmp_path / "client.ts"), "--check")


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
