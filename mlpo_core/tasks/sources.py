"""Where tasks come from: files behind a path or URL, and fingerprints that tell whether a source changed.

Imports nothing heavy: the orchestrator computes fingerprints to find out what is up to date.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Literal, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment import RECORDED, Experiment, TaskSource
from mlpo_core.store.files import Folder
from mlpo_core.types import Split

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_SIDE = re.compile(r"(?<![a-z])(train|test|dev|val|validation)(?![a-z])")
_RESPONSES = (".parquet", ".jsonl")

HUB = {
    "bbh": "SaylorTwift/bbh",
    "math": "EleutherAI/hendrycks_math",
    "mmlu": "cais/mmlu",
    "mmlu_pro": "TIGER-Lab/MMLU-Pro",
}
"""Hub dataset of each benchmark."""

EXTENSIONS = {
    "bbh": (".json",),
    "math": (".jsonl", ".json"),
    "mmlu": (".csv",),
    "mmlu_pro": (".parquet", ".jsonl"),
    "": (".jsonl", ".csv", ".parquet"),
}
"""Files in which each benchmark is published, and those of questions of one's own (`OWN`)."""
OWN = ""
ON_HUB = "hub:"
"""Before the name of a hub dataset of one's own."""


class Source(NamedTuple):
    """One entry of `tasks`, with what else its loader needs.

    Attributes:
        config: The entry.
        field: Its name in errors, such as `tasks.0`.
        recorded: `engine.recorded`.
    """

    config: TaskSource
    field: str
    recorded: str


class SourceFile(NamedTuple):
    """A file of a source: its full name for errors, its path from the source's last folder on, and its bytes."""

    name: str
    inside: str
    data: bytes


class RecordedFiles(NamedTuple):
    """The folder of recorded responses, and the names of one benchmark's files in it."""

    folder: Folder
    tasks: str
    responses: str


def sources(experiment: Experiment) -> list[Source]:
    """The experiment's task sources in order."""
    return [Source(config, f"tasks.{i}", experiment.engine.recorded) for i, config in enumerate(experiment.tasks)]


def expand(location: str, field: str) -> str:
    """A location with its environment variables filled in."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not os.environ.get(name):
            raise BadInput(f"{field}: {location} needs the environment variable {name}: export {name}=FOLDER")
        return os.environ[name]

    return _VARIABLE.sub(value, location)


def files(location: str, field: str, extensions: tuple[str, ...]) -> Iterator[SourceFile]:
    """The files of a source, sorted by name: one file, or all of a folder with these extensions.

    Raises:
        BadInput: Nothing there; names the field.
    """
    url = expand(location, field).rstrip("/")
    parent, _, last = url.rpartition("/")
    if "*" in last or "?" in last:
        folder = Folder(parent or ".")
        names = [n for n in folder.names() if n.endswith(extensions) and fnmatchcase(n, last)]
    elif last.endswith(extensions):
        folder, names = Folder(parent or "."), [last]
    else:
        folder = Folder(url)
        names = [n for n in folder.names() if n.endswith(extensions)]
    if not names or (len(names) == 1 and folder.read(names[0]) is None):
        raise BadInput(f"{field}: {url} holds no {' or '.join(extensions)} files. Check the path.")
    for name in names:
        yield source_file(folder, name)


def source_file(folder: Folder, name: str) -> SourceFile:
    """One file that is there."""
    inside = f"{folder.path().rsplit('/', 1)[-1]}/{name}"
    return SourceFile(folder.path(name), inside, folder.read(name) or b"")


def side_in_name(name: str) -> Split | None:
    """The split that the last such word in the name of a file or of a hub split says; None without one."""
    words = _SIDE.findall(name.lower())
    return None if not words else words[-1] if words[-1] in ("train", "test") else "dev"


def published_side(file: SourceFile, field: str) -> Literal["train", "test"]:
    """The side on which a file's rows are published, from the last `train`, `dev`, `val` or `test` in its name."""
    words = _SIDE.findall(file.inside.lower())
    if not words:
        raise BadInput(f"{field}: cannot tell whether {file.name} is train or test: put the word into its name")
    return "test" if words[-1] == "test" else "train"


def recorded_files(location: str, benchmark: str) -> RecordedFiles:
    """Where the recorded tasks and responses of a benchmark are.

    Args:
        location: `engine.recorded`.
        benchmark: Stem of the file names.

    Raises:
        BadInput: One of them is not there.
    """
    folder = Folder(expand(location, "engine.recorded"))
    there = set(folder.names())
    tasks = f"{benchmark}_tasks.jsonl"
    responses = [name for extension in _RESPONSES if (name := f"{benchmark}_responses{extension}") in there]
    if tasks not in there or not responses:
        wanted = f"{tasks} and {benchmark}_responses.parquet (or .jsonl)"
        raise BadInput(f"engine.recorded: {folder.path()} does not hold {wanted}; docs/recorded.md has the format")
    return RecordedFiles(folder, tasks, responses[0])


def fingerprint(experiment: Experiment) -> dict[str, str]:
    """What the sources hold now, by field: changes whenever tasks might.

    Files are hashed; of a hub dataset only the revision is taken, so a branch name is trusted not to move.
    """
    return {source.field: _fingerprint(source) for source in sources(experiment)}


def recorded_fingerprint(experiment: Experiment) -> dict[str, str]:
    """Hashes of the recorded responses that the team's agents read; empty for a team that generates."""
    if not any(agent.model.startswith(RECORDED) for agent in experiment.team.agents):
        return {}
    benchmarks = sorted({source.benchmark for source in experiment.tasks})
    return {b: _hash(recorded_files(experiment.engine.recorded, b)) for b in benchmarks}


def _fingerprint(source: Source) -> str:
    config = source.config
    if config.benchmark == "procedural":
        return f"reasoning-gym {version('reasoning-gym')}"
    if config.source == "hub":
        return f"hub {HUB[config.benchmark]}@{config.revision}"
    if config.source == "recorded":
        return _hash(recorded_files(source.recorded, config.benchmark))
    if config.source.startswith(ON_HUB):
        return f"{config.source}@{config.revision} {config.subset} {config.split}"
    return digest_of(config.source, f"{source.field}.source", config.benchmark if config.published else OWN)


def digest_of(location: str, field: str, benchmark: str = OWN) -> str:
    """SHA-256 over names and bytes of the files behind a location. Raises as `files` does."""
    sha = hashlib.sha256()
    for file in files(location, field, EXTENSIONS[benchmark]):
        sha.update(f"{file.inside}\x00{len(file.data)}\x00".encode())
        sha.update(file.data)
    return sha.hexdigest()


def _hash(recorded: RecordedFiles) -> str:
    sha = hashlib.sha256()
    for name in (recorded.tasks, recorded.responses):
        sha.update(recorded.folder.read(name) or b"")
    return sha.hexdigest()
