"""`base_models`: pre-training of the miniature models."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlpo_core.experiment.section import IF_SET, Count, Grown, Section, Seed, Share

Skill = Annotated[float, Field(ge=0.05, le=1)]


class Revision(Section):
    """How agents revise when they are led: rates of three ways, which sum to 1."""

    keep: Share = 0.0
    """Never changes its answer."""
    follow: Share = 0.0
    """Takes the leader's answer, whatever it is."""
    weigh: Share = 0.0
    """Keeps what is right, and takes the leader's answer where that is right and its own is not. It is taught so; how
    far a model can tell which is right is its own affair."""

    @model_validator(mode="after")
    def _are_all(self) -> Self:
        if abs((total := self.keep + self.follow + self.weigh) - 1) > 1e-9:
            raise ValueError(
                f"keep, follow and weigh are the rates of all that agents do: they sum to 1, not {total:g}"
            )
        return self


class BaseModels(Grown):
    """Pre-training of the miniature models (`pretrain:<recipe>`): the one training that is not TRL's."""

    seed: Seed | None = None
    """Of weights and documents. None: the experiment's seed, filled in when the experiment is read."""
    steps: Count = 1000
    leader_steps: Count = 1300
    batch_size: Count = 128
    learning_rate: float = Field(default=0.02, gt=0)
    """Muon, on matrices."""
    adamw_learning_rate: float = Field(default=4e-3, gt=0)
    misread_rate: Share = 0.8
    """Share of an agent's pre-training targets on its blind spot that misread the symbol."""
    team_share: Share = 0.3
    """Share of the leader's documents that show a team."""
    revision_share: Share = 0.15
    """Share of an agent's documents in which it revises an answer."""
    processes: Count = 2
    blind_spots: dict[str, dict[str, dict[str, str]]] = Field(default={})
    """By model name (`leader` too) and compact family: which operand symbol it takes for which."""
    leader_skill: Annotated[Skill | None, IF_SET] = None
    """Share of the questions that the leader reads right before training, from 0.05 to 1, in every family; its blind
    spots are then made so that it comes near, instead of given. Questions drawn as easy (`tasks.family_options`) do not
    count. What it reads wrong it misreads at `misread_rate`: at 1 it never samples a right answer there."""
    team_skill: Annotated[Skill | None, IF_SET] = None
    """The same for every agent."""
    error_correlation: Annotated[Share, IF_SET] = 0.0
    """With `team_skill`: share of the agents' blind spots that all of them have in common, misread in the same way. 0:
    each has its own, as far as there are symbols; 1: the team is one misconception. The leader's are made apart."""
    revision: Annotated[Revision | None, IF_SET] = None
    """How agents revise when they are led. None: on its blind spots an agent follows the leader four times in five, and
    elsewhere it trusts its own work."""
    checkable: Annotated[Literal["answers", "work", "slips"], IF_SET] = "slips"
    """What an answer's text gives away. `slips`: steps show operands as they were read, so that one who compares them
    with the question sees what was misread. `work`: steps show the question's own operands, and only what comes of them
    is wrong. `answers`: the leader reads final answers alone, in pre-training as in use, so that it goes with
    `leader.information: answers`. In sort, reverse and filter the answer is all the work, and shows what was read."""

    @model_validator(mode="after")
    def _blind_spots_have_one_source(self) -> Self:
        agents = [name for name in self.blind_spots if name != "leader"]
        if self.leader_skill is not None and "leader" in self.blind_spots:
            raise ValueError("leader_skill: blind_spots.leader says already what the leader misreads: leave one out")
        if self.team_skill is not None and agents:
            raise ValueError(f"team_skill: blind_spots.{agents[0]} says already what it misreads: leave one out")
        if self.error_correlation and self.team_skill is None:
            raise ValueError("error_correlation: is about blind spots that are made from a skill: set team_skill")
        return self
