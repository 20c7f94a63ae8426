"""What a run was made with: the machine and the versions, without a word about whose machine it is."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .install import CHECKOUT, SERVERS, Tools

_VERSIONS: Final = """
import json, platform, sqlite3
from importlib.metadata import PackageNotFoundError, version
found = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
for name in ("python-socketio", "python-engineio", "uvicorn", "uvloop", "httptools", "websockets", "orjson"):
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def about(tools: Tools, command: list[str]) -> dict[str, str]:
    """Headings and what belongs under them."""
    found = {
        "Date": datetime.now(UTC).date().isoformat(),
        "Command": " ".join(["benchmarks/run", *map(_without_folders, command)]),
        "Machine": _machine(),
        "macchiato": _macchiato(),
        "The project's server": _python_versions(tools.project_python),
        "Plain python-socketio": _python_versions(tools.plain_python),
    }
    if tools.node and tools.node_modules:
        found["Node"] = _node(tools.node, tools.node_modules)
    return found


def _machine() -> str:
    words = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in words if line.startswith("model name")), "?")
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    release = ".".join(os.uname().release.split(".")[:2])
    cores = len(os.sched_getaffinity(0))
    pinned = "the server on one, the load on another" if cores > 1 else "shared by server and load"
    return f"{model}, {cores} cores ({pinned}), {memory_gb:.0f} GB, Linux {release}"


def _macchiato() -> str:
    asked = [sys.executable, "-m", "macchiato_cli", "--version"]
    ran = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return ran.stdout.split()[-1]


def _python_versions(python: Path) -> str:
    ran = subprocess.run([str(python), "-c", _VERSIONS], capture_output=True, text=True, check=True)
    return ", ".join(f"{name} {version}" for name, version in json.loads(ran.stdout).items())


def _node(node: str, packages: Path) -> str:
    asked = [node, str(SERVERS / "node.cjs"), "--versions"]
    environment = os.environ | {"NODE_MODULES": str(packages), "DATABASE": ":memory:"}
    return subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def _without_folders(argument: str) -> str:
    """Where somebody keeps their files is nobody else's business."""
    return Path(argument).name if "/" in argument else argument
