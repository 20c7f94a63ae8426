"""What a type checker says about the users' code: all that is wrong, and nothing else."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.services import require

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent.parent / "templates" / "project"
CODE = HERE / "wrappers.py"

Line = tuple[int, str]


def wrong_lines() -> list[Line]:
    return lines({number for number, line in enumerate(code(), 1) if "# wrong: " in line})


def lines(numbers: set[int]) -> list[Line]:
    return [(number, code()[number - 1].strip()) for number in sorted(numbers)]


def code() -> list[str]:
    return CODE.read_text().splitlines()


def test_mypy_complains_about_the_wrong_lines_only(tmp_path: Path) -> None:
    # What scripts/check has found out about the libraries is still true, and mypy sees where it is not.
    if (TEMPLATE / ".mypy_cache").is_dir():
        shutil.copytree(TEMPLATE / ".mypy_cache", tmp_path, dirs_exist_ok=True)
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--no-error-summary"]
    ran = subprocess.run(
        [*command, "--cache-dir", str(tmp_path), str(CODE)], cwd=TEMPLATE, capture_output=True, text=True
    )
    found = re.findall(r"^.*\.py:(\d+): error: ", ran.stdout, re.MULTILINE)
    assert lines({int(number) for number in found}) == wrong_lines(), ran.stdout + ran.stderr


def test_pyright_complains_about_the_wrong_lines_only(tmp_path: Path) -> None:
    pyright = require(Path(sys.executable).parent / "pyright", "pip install pyright")
    shutil.copy(CODE, tmp_path)
    settings = {"extraPaths": [str(TEMPLATE)], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    ran = subprocess.run(
        [pyright, "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    found = json.loads(ran.stdout)["generalDiagnostics"]
    numbers = {problem["range"]["start"]["line"] + 1 for problem in found if problem["severity"] == "error"}
    assert lines(numbers) == wrong_lines(), ran.stdout
