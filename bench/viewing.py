"""How long pages of `mlpo view` take on a store of 200,000 generations of 1,500 characters, and what memory they need.

python -m bench.viewing [--generations N] [--folder FOLDER]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil
import pyarrow as pa
from starlette.testclient import TestClient

from mlpo_core.listening import addresses
from mlpo_core.store import Origin, Store, VersionRef
from mlpo_core.store.schemas import SCHEMAS
from mlpo_core.viewer.app import Viewer
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library

NAME = "large"
AGENTS = ("alpha", "beta", "gamma")
ROUNDS = 5
METHODS = ("untrained_leader/team", "sft_leader/team", "mlpo_leader/team")
PART = 16384
RARE = "xylophone"


def main() -> None:
    """Make the store where it is not there yet, and time the pages that a reader sees first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="keeps the store (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (options.folder or Path(temporary)) / "root"
        store = Store(str(root))
        if store.pointed(NAME, "benchmark_predictions") is None:
            of_a_task = len(AGENTS) + len(METHODS) * (ROUNDS * (len(AGENTS) + 1) - len(AGENTS))
            make(store, options.generations // of_a_task)
        size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
        measure(Store(str(root)), size)


def measure(store: Store, size: int) -> None:
    """Print seconds and memory of every kind of page, each the first of its kind and once more."""
    process = psutil.Process(os.getpid())
    begun = process.memory_info().rss
    client = TestClient(Viewer(Library(store), Guard("127.0.0.1")).app, base_url="http://127.0.0.1")
    tasks = addresses.tasks(NAME)
    one = addresses.task(NAME, f"{17:020x}")
    pages = {
        "first page of the list": tasks,
        "filtered by outcome": f"{tasks}?outcome=overridden",
        "a search in questions": f"{tasks}?q=question+number+17",
        "a search in all that was written": f"{tasks}?{urlencode({'q': RARE, 'where': 'written'})}",
        "a task's conversation": one,
        "another task's conversation": addresses.task(NAME, f"{900:020x}"),
        "two ways side by side": f"{one}?{urlencode({'vs': 'sft_leader/team T=5'})}",
    }
    print(f"{size / 1e6:,.0f} MB stored")
    for what, path in pages.items():
        turns: list[str] = []
        for _ in range(2):
            started = time.perf_counter(), time.process_time()
            answer = client.get(path)
            wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
            turns.append(f"{wall:5.2f} s ({cpu:.2f} s of CPU)")
            assert answer.status_code == 200, answer.text
        more = (process.memory_info().rss - begun) / 1e6
        print(f"{what:34} {turns[0]}, again {turns[1]}, {more:4,.0f} MB more than at the start")
    print(f"peak {_peak() / 1e6:,.0f} MB, of which {begun / 1e6:,.0f} MB libraries")


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def make(store: Store, tasks: int) -> None:
    """An experiment of so many test tasks: three agents, three leaders, five rounds."""
    random = np.random.default_rng(1)
    words = np.array(["".join(letters) for letters in random.choice(list("etaoinshrdlu"), (4000, 6))])
    ids = [f"{number:020x}" for number in range(tasks)]

    def texts(count: int) -> list[str]:
        drawn = words[random.integers(0, len(words), (count, 215))]
        found = [f"<think>{' '.join(row)}</think><answer>{row[0]}</answer>" for row in drawn]
        found[0] += RARE
        return found

    def put(asset: str, table: pa.Table, inputs: dict[str, VersionRef]) -> VersionRef:
        writer = store.writer(asset, "ab" * 10)
        for part, start in enumerate(range(0, len(table), PART)):
            writer.write(part, table.slice(start, PART))
        digests, keys = {a: r.digest for a, r in inputs.items()}, {a: r.key for a, r in inputs.items()}
        writer.commit(Origin(digests, keys, {}, {}), {})
        found = store.find(asset, "ab" * 10)
        assert found
        return found

    def table(asset: str, count: int, **columns: object) -> pa.Table:
        schema = SCHEMAS[asset]
        blank = {
            name: pa.array([_blank(schema.field(name).type)] * count, schema.field(name).type)
            for name in schema.names
            if name not in columns
        }
        given = {name: pa.array(values, schema.field(name).type) for name, values in columns.items()}
        return pa.table({name: given.get(name, blank.get(name)) for name in schema.names}, schema)

    questions = [f"question number {n}: {' '.join(words[random.integers(0, 4000, 40)])}" for n in range(tasks)]
    made = {"tasks": put("tasks", table("tasks", tasks, task_id=ids, split=["test"] * tasks, question=questions), {})}
    seats = {agent: [f"{task}-{agent}" for task in ids] for agent in AGENTS}
    proposed = [
        table(
            "benchmark_proposals",
            tasks,
            proposal_id=seats[agent],
            task_id=ids,
            agent=[agent] * tasks,
            response=texts(tasks),
            extracted=random.integers(0, 4, tasks).astype(str),
            correct=random.random(tasks) < 0.5,
        )
        for agent in AGENTS
    ]
    made["benchmark_proposals"] = put("benchmark_proposals", pa.concat_tables(proposed), {})
    written: list[pa.Table] = []
    finals: list[pa.Table] = []
    for round_ in range(ROUNDS):
        for method in METHODS:
            now = seats if not round_ else {a: [f"{t}-{method}-{round_}-{a}" for t in ids] for a in AGENTS}
            led = [f"{task}-{method}-{round_}-leader" for task in ids]
            before = [f"{task}-{method}-{round_ - 1}-leader" for task in ids]
            who = [*(AGENTS if round_ else ()), "leader"]
            for name in who:
                read = now.values() if name == "leader" else [before]
                behind = [list(parents) for parents in zip(*read, strict=True)]
                written.append(
                    table(
                        "team_rounds",
                        tasks,
                        generation_id=led if name == "leader" else now[name],
                        method=[method] * tasks,
                        task_id=ids,
                        round=[round_] * tasks,
                        role=["leader" if name == "leader" else "agent"] * tasks,
                        agent=[name] * tasks,
                        input_ids=behind,
                        response=texts(tasks),
                        extracted=random.integers(0, 4, tasks).astype(str),
                        correct=random.random(tasks) < 0.5,
                    )
                )
            finals.append(
                table(
                    "benchmark_predictions",
                    tasks,
                    task_id=ids,
                    method=[method] * tasks,
                    rounds=[round_ + 1] * tasks,
                    source_ids=[[id_] for id_ in led],
                    response=texts(tasks),
                    extracted=random.integers(0, 4, tasks).astype(str),
                    correct=random.random(tasks) < 0.5,
                )
            )
    made["team_rounds"] = put("team_rounds", pa.concat_tables(written), {})
    store.point(NAME, put("benchmark_predictions", pa.concat_tables(finals), made))


def _blank(kind: pa.DataType) -> object:
    if pa.types.is_list(kind):
        return []
    if pa.types.is_boolean(kind):
        return False
    return "" if pa.types.is_string(kind) else 0


if __name__ == "__main__":
    main()
