"""`python -m app.contract`: what this server and its clients say to each other; has it changed?"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from ..namespaces import find_namespaces
from ..service_urls import PROJECT
from . import CONTENT, contract_of
from .changes import changes
from .schemas import ContractError
from .served import HOST, name_and_version

LOCK: Final = PROJECT / "contract.lock.json"


def main() -> None:
    options = read_arguments()
    name, version = name_and_version()
    try:
        contract = contract_of(find_namespaces(), title=name, version=version, host=HOST)
    except ContractError as error:
        sys.exit(f"error: {error}")
    if options.lock:
        write_lock(contract)
    elif options.check:
        check(contract)
    else:
        print(text_of(contract))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.contract", description="Print what clients can rely on, as AsyncAPI 3.0."
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--check",
        action="store_true",
        help=f"compare with {LOCK.name}; 1: clients that follow that would break",
    )
    ways.add_argument("--lock", action="store_true", help=f"write {LOCK.name}, which --check compares with")
    return parser.parse_args()


def write_lock(contract: dict[str, Any]) -> None:
    LOCK.write_text(f"{text_of({part: contract[part] for part in CONTENT})}\n", "utf-8")
    print(f"wrote {LOCK.name}: keep it in git")


def check(contract: dict[str, Any]) -> None:
    """Say what has changed; exits with 1 when clients would break."""
    found = changes(read_lock(LOCK), contract)
    for added in found.additions:
        print(f"new: {added}")
    if found.breaking:
        sys.exit(
            "\n".join(
                [
                    "error: clients that rely on contract.lock.json would break",
                    *(f"  {problem}" for problem in found.breaking),
                    "  try: a new event beside the old one, or an argument with a default",
                    "       .venv/bin/python -m app.contract --lock   # when no such client is left",
                ]
            )
        )
    if found.additions:
        print("compatible; .venv/bin/python -m app.contract --lock has clients rely on what is new")
    else:
        print("the contract is as in contract.lock.json")


def read_lock(path: Path) -> dict[str, Any]:
    """Exits with a remedy when there is none."""
    try:
        lock: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if not all(isinstance(lock[part], dict) for part in CONTENT):
            raise ValueError("it is no contract")
    except (OSError, KeyError, TypeError, ValueError) as error:
        sys.exit(
            f"error: {path.name} cannot be read\n  {error}\n  try: .venv/bin/python -m app.contract --lock"
        )
    return lock


def text_of(contract: dict[str, Any]) -> str:
    return json.dumps(contract, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    main()
