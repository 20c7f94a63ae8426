"""Puts servers under load, round by round, and keeps what that took."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contenders import OURS, PLAIN, Broken, Contender, Server, environment_of, on_core, running
from .install import CHECKOUT, SERVERS, WORK, Tools
from .rows import ELSEWHERE, Load, loads_of

Record = dict[str, Any]
MOST_S = 240


@dataclass(frozen=True)
class Plan:
    """What is measured, how often."""

    tools: Tools
    contenders: list[Contender]
    loads: list[Load]
    rounds: int

    def contenders_for(self, load: Load, round: int) -> list[Contender]:
        """Those that are compared, ours next to each; the other way round in every second round."""
        elsewhere = load.name in [each.name for each in loads_of(ELSEWHERE)]
        meant = [each for each in self.contenders if not elsewhere or each.name in (OURS, PLAIN)]
        return meant[::-1] if round % 2 else meant


def register_users(plan: Plan) -> Path:
    """A file with the id and the token of each, as many as the largest load has clients."""
    ours = next(each for each in plan.contenders if each.name == OURS)
    count = max(10, *(load.clients for load in plan.loads))
    identities = WORK / "identities"
    with identities.open("w") as lines:
        subprocess.run(
            [str(plan.tools.project_python), str(SERVERS / "register.py"), str(count)],
            cwd=ours.folder,
            env=environment_of(ours),
            stdout=lines,
            check=True,
        )
    return identities


def measure(server: Server, load: Load, identities: Path, program: Path) -> Record:
    """What `load` took.

    Raises:
        Broken: Clients were refused or lost, answers missing or wrong.
    """
    if load.work == "polling":
        command = [sys.executable, "-m", f"{__package__}.polling"]
        whom = [server.port, server.pid, identities]
        command += map(str, [*whom, load.clients, load.warmup_s, load.seconds])
    else:
        place = [load.work, server.port, server.pid, identities, load.clients, load.window]
        what = [load.event, load.arguments, load.heard, load.attachment]
        command = [str(program), *map(str, [*place, load.warmup_s, load.seconds, "/bench", *what])]
    try:
        with on_core(1):
            ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=MOST_S)
    except subprocess.TimeoutExpired:
        raise Broken(f"{server.contender.name}, {load.name}: not done after {MOST_S} s") from None
    if ran.returncode != 0:
        raise Broken(f"{server.contender.name}, {load.name}: {ran.stderr.strip()} {ran.stdout.strip()}")
    figures: Record = json.loads(ran.stdout)
    return figures | {"per_second": figures["units"] / figures["seconds"]}


def check(server: Server, identities: Path) -> None:
    """
    Raises:
        Broken: It does not do what all of them have to do.
    """
    command = [sys.executable, "-m", f"{__package__}.contract", str(server.port), str(identities)]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    if ran.returncode != 0:
        raise Broken(f"{server.contender.name} does not keep the contract: {ran.stderr.strip()[-2000:]}")


def fresh_each_time(plan: Plan, identities: Path) -> Iterator[Record]:
    """Every measurement with a process of its own. A broken one is a record, too: with `error`."""
    for contender in plan.contenders:
        with running(contender) as server:
            check(server, identities)
    for round in range(plan.rounds):
        for load in plan.loads:
            for contender in plan.contenders_for(load, round):
                record: Record = {"round": round, "load": load.name, "contender": contender.name}
                try:
                    with running(contender) as server:
                        record |= measure(server, load, identities, plan.tools.load)
                except Broken as error:
                    record["error"] = str(error)
                yield record


def all_at_once(plan: Plan, identities: Path) -> Iterator[Record]:
    """Every load once, the servers at the same time, one process for each: whether everything works."""

    def measured(contender: Contender) -> list[Record]:
        loads = [load for load in plan.loads if contender in plan.contenders_for(load, 0)]
        with running(contender) as server:
            check(server, identities)
            return [
                {"round": 0, "load": load.name, "contender": contender.name}
                | measure(server, load, identities, plan.tools.load)
                for load in loads
            ]

    with ThreadPoolExecutor() as pool:
        for records in pool.map(measured, plan.contenders):
            yield from records
