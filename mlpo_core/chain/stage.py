"""What a stage is: one asset, what it reads, and the function that makes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlpo_core.chain.code import fingerprint
from mlpo_core.chain.plugged import code_of
from mlpo_core.engines.opening import ENGINES
from mlpo_core.experiment import KEYS, Agent, Experiment, Judge, Leader, restrict, without_engines


def _always(_: Experiment) -> str | None:
    return None


def _nothing(_: Experiment) -> dict[str, str]:
    return {}


def _as_it_is(experiment: Experiment) -> Experiment:
    return experiment


def _none(_: Experiment) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Stage:
    """One asset.

    Attributes:
        asset: Asset key.
        group: Stage group in the graph.
        description: What it holds, for the graph.
        inputs: Assets that it reads. One that does not apply to an experiment is passed as None.
        sections: Top-level config sections that it may read, or single settings of one (`mlpo.solo_share`); its key
            covers exactly these, and those of `also`.
        code_version: Raised by hand when a carrier's code (`mlpo_core.chain.code`) would give other rows.
        libraries: Packages whose version belongs to the key.
        function: `module:function`, called with a `mlpo_core.context.Context`, returns the manifest's stats.
        skipped: Why the asset does not apply to an experiment, or None.
        distributed: Whether several processes can make it together (torchrun, Ray Train).
        external: Fingerprints of mutable inputs outside the store (files, hub revisions).
        also: What it reads further under some settings only, so that others do not enter its key for nothing.
        asks: Who generates in it: `agents`, `leader`.
        texts: The templates of `prompts` that it renders, beside the judge's: its key covers these and no others.
        later: Inputs that came after versions had been made: in keys only where they apply.
        narrowed: Takes out of the experiment what the stage does not read of its sections.
    """

    asset: str
    group: str
    description: str
    inputs: tuple[str, ...]
    sections: tuple[str, ...]
    code_version: str
    function: str
    libraries: tuple[str, ...] = ()
    skipped: Callable[[Experiment], str | None] = _always
    distributed: bool = False
    external: Callable[[Experiment], Mapping[str, str]] = _nothing
    also: Callable[[Experiment], tuple[str, ...]] = _none
    asks: Callable[[Experiment], tuple[str, ...]] = _none
    texts: Callable[[Experiment], tuple[str, ...]] = _none
    narrowed: Callable[[Experiment], Experiment] = _as_it_is
    later: tuple[str, ...] = ()

    def code(self, experiment: Experiment | None = None) -> str:
        """Version and fingerprint of what it runs; for an experiment, of its engine and plug-ins too."""
        modules = [self.function.partition(":")[0]]
        kinds = self.engines(experiment) if experiment else ()
        modules += [ENGINES[kind].partition(":")[0] for kind in kinds if kind in ENGINES]
        plugged = code_of(self.view(experiment)) if experiment else ""
        return f"{self.code_version}-{fingerprint(*modules)}{plugged}"

    def engines(self, experiment: Experiment) -> list[str]:
        """The kinds of the engines that it generates with, sorted."""
        asked: list[Agent | Leader] = list(experiment.team.agents) if "agents" in self.asks(experiment) else []
        if experiment.leader and "leader" in self.asks(experiment):
            asked.append(experiment.leader)
        kinds = {experiment.engine_of(member).kind for member in asked}
        judge = self.judge(experiment)
        return sorted(kinds | {judge.engine.kind} if judge and judge.engine else kinds)

    def judge(self, experiment: Experiment) -> Judge | None:
        """The model that it may ask for verdicts."""
        return experiment.grading.judge if "grading" in self.sections else None

    def templates(self, experiment: Experiment) -> tuple[str, ...]:
        """The templates that it renders, that of its judge too."""
        return tuple(dict.fromkeys((*self.texts(experiment), *(("judge",) if self.judge(experiment) else ()))))

    def reads(self, experiment: Experiment) -> tuple[str, ...]:
        """The config sections, and settings of sections, that it reads for an experiment."""
        prompts = ("prompts",) if self.templates(experiment) else ()
        return (*self.sections, *self.also(experiment), *prompts)

    def view(self, experiment: Experiment) -> Experiment:
        """All that it gets to see of an experiment, and all that its key covers."""
        sections = self.reads(experiment)
        texts = experiment.prompts.only(self.templates(experiment))
        narrowed = self.narrowed(experiment).model_copy(update={"prompts": texts})
        return restrict(narrowed if "engine" in sections else without_engines(narrowed), sections)

    def settings(self, experiment: Experiment) -> dict[str, Any]:
        """All that it reads of an experiment as plain data, without what changes no row."""
        sections = {name.partition(".")[0] for name in self.reads(experiment)}
        return self.view(experiment).model_dump(mode="json", include=sections, context=KEYS)
