"""How many questions a benchmark has, and how long they and the answers to them are.

Question and answer lengths of published benchmarks are means over the published questions and over recorded answers of
seven 7-8B models. Questions of one's own are read; nobody has answered them yet: MMLU-Pro's answers stand for theirs.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mlpo_core.experiment import Experiment
from mlpo_core.tasks.registry import read
from mlpo_core.tasks.sources import Source, sources

INSTRUCTION_TOKENS = 60


class Lengths(NamedTuple):
    """Published size of a benchmark, and the lengths of its questions and of answers to them."""

    train: int
    test: int
    question_chars: float
    longest_question_chars: int
    chars_per_token: float
    answer_tokens: float
    judged: float = 0.0
    """Share of the questions whose answers a model judges."""
    gold_chars: float = 0.0
    """Of the gold answers to these."""

    def written(self, most: int) -> float:
        """Tokens of an answer that may have so many at most."""
        return min(self.answer_tokens, most)

    def read(self, shown: int, most: int) -> float:
        """Tokens of a prompt that shows so many answers, of so many tokens at most."""
        return INSTRUCTION_TOKENS + self.question_chars / self.chars_per_token + shown * self.written(most)


_PUBLISHED: Mapping[str, Lengths] = {
    "bbh": Lengths(0, 6511, 369, 2482, 3.5, 330),
    "math": Lengths(7500, 5000, 191, 2828, 2.6, 600),
    "mmlu": Lengths(285, 14042, 458, 4860, 3.8, 480),
    "mmlu_pro": Lengths(70, 12032, 629, 2515, 3.8, 480),
    "procedural": Lengths(0, 0, 40, 60, 1.0, 40),
}
_LIKE = _PUBLISHED["mmlu_pro"]


def lengths_of(experiment: Experiment) -> Mapping[str, Lengths]:
    """The lengths of every benchmark of an experiment. Questions of one's own count once, whatever they come from.

    Raises:
        BadInput: Questions of one's own cannot be read.
    """
    own: dict[str, list[Source]] = {}
    for source in sources(experiment):
        if not source.config.published:
            own.setdefault(source.config.benchmark, []).append(source)
    return {**_PUBLISHED, **{benchmark: _measured(found) for benchmark, found in own.items()}}


def longest_prompt(experiment: Experiment, known: Mapping[str, Lengths]) -> int:
    """Tokens of the longest leader prompt: the longest question, and an answer of every agent that was cut off."""
    leader, k = experiment.leader, experiment.k
    worst = 0.0
    for source in experiment.tasks:
        lengths = known[source.benchmark]
        shown = float(experiment.proposals.max_new_tokens)
        if leader and leader.information != "full":
            shown = (leader.tail_chars if leader.information == "tail" else 40) / lengths.chars_per_token
        question = lengths.longest_question_chars / lengths.chars_per_token
        worst = max(worst, INSTRUCTION_TOKENS + question + k * (shown + 8))
    return int(worst)


def _measured(found: list[Source]) -> Lengths:
    rows = [row for source in found for row in read(source)]
    chars = [len(row.question) + sum(map(len, row.choices)) for row in rows] or [0]
    train = sum(row.published in ("train", "dev") for row in rows)
    test = len(rows) - train
    judged = [len(row.answer) for row in rows if row.kind == "judge"]
    return Lengths(
        train,
        test,
        sum(chars) / len(chars),
        max(chars),
        _LIKE.chars_per_token,
        _LIKE.answer_tokens,
        len(judged) / (len(rows) or 1),
        sum(judged) / (len(judged) or 1),
    )
