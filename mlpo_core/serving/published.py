"""Finds what a published leader is loaded from: a folder or a hub repository, and its team by what it says of it.

The folder may be a stranger's. No code in it runs, weights are safetensors only, and its `leader.json` can name hub
models and checkpoints of the root alone (`mlpo_core.publishing.leader_file`).
"""

import re
from pathlib import Path
from typing import NamedTuple

from mlpo_core.chain.experiments import read as read_experiment
from mlpo_core.chain.spec import versions
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Agent, Experiment
from mlpo_core.methods.adaptive import Policy
from mlpo_core.models.locate import Located, locate
from mlpo_core.models.references import Reference, kind_of
from mlpo_core.progress import log
from mlpo_core.publishing.leader_file import NAME, LeaderFile, Member, read
from mlpo_core.publishing.merged import merged, read_adapter
from mlpo_core.publishing.texts import prompt_texts
from mlpo_core.serving.source import Source, version_of
from mlpo_core.store import Dataset, Store

HUB = "hub:"
_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "README.md")


class _Led(NamedTuple):
    """A team: its agents with their engines, and where each is loaded from."""

    agents: tuple[Agent, ...]
    located: dict[str, Located]


def is_published(which: str) -> bool:
    """Whether a leader is named by a folder or a hub repository, and not by an experiment."""
    return which.startswith(HUB) or (Path(which) / NAME).is_file()


def of_published(which: str, store: Store, team: str = "") -> Source:
    """A published leader and its team.

    Args:
        which: The folder, or `hub:OWNER/NAME`, perhaps with `@REVISION`.
        store: Where its team's checkpoints may be.
        team: An experiment whose team it leads instead.

    Raises:
        BadInput: It cannot be read, or its team is not reachable; says how to name one.
    """
    folder = _snapshot(which) if which.startswith(HUB) else Path(which)
    described = read(folder)
    settings = described.settings()
    if described.prompts != prompt_texts(described.compact, described.leader.information == "votes"):
        log(f"{which}: it was trained with other prompts than this version of mlpo writes: its answers may be worse")
    led = _of_experiment(team, store) if team else _own(described, settings, store, which)
    model = _weights(folder, described)
    return Source(
        settings.model_copy(update={"team": settings.team.model_copy(update={"agents": led.agents})}),
        Located(str(model), None),
        led.located,
        {},
        Policy(described.stop.first, described.stop.agree) if described.stop and not team else None,
    )


def _snapshot(which: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = which.removeprefix(HUB).partition("@")
    if not _ON_HUB.fullmatch(name):
        raise BadInput(f"{which}: expected {HUB}OWNER/NAME or {HUB}OWNER/NAME@REVISION")
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=list(_FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        what = " ".join(str(error).split())[:300]
        raise BadInput(f"{which}: cannot be fetched from the Hugging Face hub: {what}") from error


def _weights(folder: Path, described: LeaderFile) -> Path:
    """The folder that engines load: the published one, or the adapter merged into its base."""
    if described.form == "weights":
        return folder
    adapter = read_adapter(folder)
    base = _hub_model("the leader's base", adapter.base_model_name_or_path, adapter.revision)
    return merged(folder, adapter, base)


def _of_experiment(name: str, store: Store) -> _Led:
    """The team of an experiment whose models have been made here."""
    experiment = read_experiment(name)
    base = version_of("base_models", experiment, store, versions(experiment, store))
    agents = experiment.team.agents
    engines = [agent.model_copy(update={"engine": experiment.engine_of(agent)}) for agent in agents]
    return _Led(tuple(engines), {agent.name: locate(base, agent.name) for agent in agents})


def _own(described: LeaderFile, settings: Experiment, store: Store, which: str) -> _Led:
    """The team that the folder names."""
    known = described.base_models
    ref = store.find("base_models", known.key)
    base = Dataset(ref) if ref and ref.digest == known.digest else None
    located: dict[str, Located] = {}
    for member in described.team:
        if member.where == "hub":
            located[member.name] = _hub_model(member.name, member.model, member.revision)
        elif member.where == "root" and base:
            located[member.name] = locate(base, member.name)
        else:
            raise BadInput(f"{which}: {_unreachable(member, known.key, store)}")
    return _Led(settings.team.agents, located)


def _unreachable(member: Member, key: str, store: Store) -> str:
    why = (
        f"its checkpoint is in base_models {key}, which is not under {store.root}"
        if member.where == "root"
        else "it answered through an endpoint, or its answers were recorded"
    )
    return (
        f"{member.name} of its team ({member.model!r:.100}) cannot be loaded here: {why}. Name a team with "
        "--team EXPERIMENT (a name in experiments/ or a YAML file, whose base_models has been made), or the root with "
        "--root"
    )


def _hub_model(who: str, model: str, revision: str | None) -> Located:
    """A model of the hub, held against what could be something else."""
    if not _ON_HUB.fullmatch(model) or kind_of(Reference(who, NAME, model, "", False)) != "hub":
        raise BadInput(f"{who}: {model!r:.100} is no model of the Hugging Face hub")
    return Located(model, revision if revision and re.fullmatch(r"[0-9a-f]{7,64}", revision) else None)
