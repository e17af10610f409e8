"""The long campaign: `python -m tests.faults.campaign --folder DIR`. Goes on where the ledger stops, on any machine.

The ledger is part of the repository: a thousand kills take longer than anybody has one machine for.
"""

import argparse
import logging
import os
import random
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import dagster as dg

from mlpo_core.chain.experiments import find, skipped
from mlpo_core.chain.stages import STAGES
from pipelines.abandoned import end_abandoned
from tests import ray_cluster
from tests.faults import kill_amid, kill_node, ledger
from tests.faults.kill_phase import kill_phase
from tests.faults.kill_rival import kill_rival
from tests.faults.kill_service import SERVICES, kill_service
from tests.faults.kill_storage import Storage, kill_storage
from tests.faults.scene import PARTITION, Scene
from tests.faults.team import Team
from tests.support import REPOSITORY

TARGET = 1000
"""Kills."""
LEDGER = Path(__file__).with_name("kills.jsonl")
_OF_A_NODE = 0.02
"""Share of those that a Ray cluster takes, which go last: it is held for all of them."""
_ATTEMPTS = 10


def stages() -> list[str]:
    """The stages that apply to the experiment."""
    experiment = find(PARTITION)
    return [stage for stage in STAGES if not skipped(stage, experiment)]


def plan() -> list[tuple[str, str]]:
    """What is killed while what is being made: the same list every time, mixed so that any part of it is varied."""
    rng = random.Random(0)
    kills = [("phase", stage) for stage in stages() for _ in range(_share(0.4) // len(stages()))]
    for kinds, share in ((kill_amid.KINDS, 0.3), (SERVICES, 0.1), (("s3", "rival"), 0.18)):
        kills += [(kind, rng.choice(stages())) for kind in kinds for _ in range(_share(share) // len(kinds))]
    kills += [("phase", rng.choice(stages())) for _ in range(TARGET - _share(_OF_A_NODE) - len(kills))]
    rng.shuffle(kills)
    return kills + [("ray node", rng.choice(kill_node.STAGES)) for _ in range(_share(_OF_A_NODE))]


def _share(part: float) -> int:
    return round(TARGET * part)


def instance_in(folder: Path) -> dg.DagsterInstance:
    """A Dagster instance with the repository's settings and a folder of its own."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    settings = (REPOSITORY / "dagster.yaml").read_text().replace(".dagster/", f"{home}/")
    (home / "dagster.yaml").write_text(settings)
    return dg.DagsterInstance.from_config(str(home))


def main() -> int:
    """Carry out the kills that the ledger does not have yet; returns 1 if any of all did damage."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kills", type=int, help="stop after this many more")
    parser.add_argument(
        "--part", type=_part, default=(1, 1), metavar="I/N", help="of N campaigns with a folder each: the I-th"
    )
    options = parser.parse_args()
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    os.environ["OMP_NUM_THREADS"] = "1"
    folder: Path = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    scene = Scene(folder)
    with instance_in(folder) as instance:
        end_abandoned(instance)  # of a campaign that was itself killed
        scene.build(instance, stages())
        carried = {k.seed // _ATTEMPTS for k in ledger.read(LEDGER) if k.killed}
        first, of = options.part
        mine = [(n, *kill) for n, kill in enumerate(plan()) if n % of == first - 1]
        todo = [kill for kill in mine if kill[0] not in carried][: options.kills]
        if todo:
            _carry_out(scene, instance, todo)
    kills = ledger.read(LEDGER)
    print(ledger.table(kills))
    return int(any(not k.damage.none for k in kills))


def _part(text: str) -> tuple[int, int]:
    first, of = map(int, text.split("/"))
    if not 1 <= first <= of:
        raise ValueError(text)
    return first, of


def _commit() -> str:
    """Of the code that is killed; marked where files differ from it."""
    git = ["git", "-C", str(REPOSITORY)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True).stdout
    changed = ["diff", "--quiet", "HEAD", "--", "mlpo_core", "pipelines"]
    return head.strip() + ("+changes" if subprocess.run([*git, *changed], check=False).returncode else "")


def _carry_out(scene: Scene, instance: dg.DagsterInstance, todo: list[tuple[int, str, str]]) -> None:
    """Carry these kills out, each until a moment is hit."""
    done, commit = ledger.read(LEDGER), _commit()
    nodes: ray_cluster.RayCluster | None = None
    team: Team | None = None
    with closing(Storage(scene.folder / "s3")) as storage, ExitStack() as later:
        for n, component, stage in todo:
            tried = sum(k.seed // _ATTEMPTS == n for k in done)
            for seed in range(n * _ATTEMPTS + tried, (n + 1) * _ATTEMPTS):
                if component == "phase":
                    kill = kill_phase(scene, instance, stage, seed)
                elif component in kill_amid.KINDS:
                    kill = kill_amid.kill_amid(scene, instance, stage, seed, component)
                elif component == "s3":
                    kill = kill_storage(scene, storage, instance, stage, seed)
                elif component == "rival":
                    kill = kill_rival(scene, storage, stage, seed)
                elif component == "ray node":
                    nodes = nodes or later.enter_context(ray_cluster.running())
                    kill = kill_node.kill_node(scene, nodes, stage, seed)
                else:
                    team = team or later.enter_context(Team(scene))
                    kill = kill_service(scene, team, component, stage, seed)
                ledger.append(LEDGER, kill._replace(commit=commit))
                print(ledger.line(kill), flush=True)
                if kill.killed:
                    break


if __name__ == "__main__":
    sys.exit(main())
