"""`base_models`: pre-training of the miniature models."""

from pydantic import Field

from mlpo_core.experiment.section import Count, Section, Seed, Share


class BaseModels(Section):
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
