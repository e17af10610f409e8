"""Any bytes as an experiment file, and any text as settings: a valid experiment, or a refusal."""

import os
from pathlib import Path

from mlpo_core.chain.experiments import find
from mlpo_core.experiment import Experiment
from mlpo_core.experiment.files import files, names, points
from mlpo_core.experiment.reading import load
from tests.fuzz.target import REFUSED, Target, mutated
from tests.support import REPOSITORY

_SETTING = b"\n#set "
"""A comment of the file that is a setting for one run."""
_PIECES = (
    *(b"&a ", b"*a", b"&a [*a]", b"<<: *a", b"!!python/object/apply:os.system [id]", b"!!int ", b"!!binary ", b"? "),
    *(b"---\n", b"...\n", b"\n", b"  ", b"\t", b": ", b"- ", b"{", b"}", b"[", b"]", b"|", b">", b"'", b'"', b"#"),
    b",",
    *(b"9" * 5000, b".inf", b".nan", b"-1", b"1e999", b"2026-11-26", b"12:30:45", b"0x" + b"f" * 99, b"~", b"yes"),
    *(b"[" * 40, b"{a: " * 40, b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", "\u2028\U0001f600".encode(), b"$HOME", b"../"),
    *(b"sweep: {seed: [1, 2]}\n", b"sweep: {seed: [" + b"1," * 2000 + b"]}\n", b"claims: {}\n", b"name: x\n"),
    *(b"seed", b"tasks", b"team", b"agents", b"leader", b"mlpo", b"base_models", b"blind_spots", b"engine"),
    b"base_url",
    *(_SETTING + b"seed=3", _SETTING + b"tasks.0.train=[1]", _SETTING + b"sweep.seed=[1,2]", _SETTING + b"=", b"="),
    b".",
)  # fmt: skip


def prepare(folder: Path) -> Target:
    """Experiment files in a folder, of which one is under attack."""
    os.environ["MLPO_EXPERIMENTS"] = str(folder)
    path = folder / "fuzzed.yaml"
    seeds = [p.read_bytes() for p in sorted((REPOSITORY / "experiments").glob("*.yaml"))]
    seeds += [s + _SETTING + b"mlpo.steps=7" for s in seeds]

    def check(data: bytes) -> None:
        path.write_bytes(data)
        assert files() == [path]
        assert names(path)[0] == "fuzzed"
        settings = [line[5:].decode("utf-8", "replace") for line in data.split(b"\n") if line.startswith(_SETTING[1:])]
        try:
            experiment = load(path, tuple(settings))
        except REFUSED as error:
            assert str(error)
            return
        assert Experiment.model_validate(experiment.model_dump()) == experiment
        try:
            for name in points(experiment)[:3]:
                assert find(name).name == name
        except REFUSED:
            return

    return Target(mutated(seeds, _PIECES), check)
