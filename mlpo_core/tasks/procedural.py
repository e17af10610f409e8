"""Generated tasks: as many as the limits ask for, the same number from every family, each question once."""

from collections import Counter
from collections.abc import Iterator

from mlpo_core.errors import BadInput
from mlpo_core.tasks.drawing import Shape, questions, shape
from mlpo_core.tasks.families import COMPACT, Question, generate
from mlpo_core.tasks.rows import Row
from mlpo_core.tasks.sources import Source
from mlpo_core.tasks.split import by_hash, normalised
from mlpo_core.types import Split, stable_seed

# Fixed, so that asking for more training tasks leaves the test tasks as they are.
_BATCH = 200
_BARREN_BATCHES = 20


def rows(source: Source) -> Iterator[Row]:
    """Questions of every family in `subjects` (empty: the compact ones) until each split of the source is full.

    Raises:
        BadInput: No such family, options that it refuses, or a family with too few different questions.
    """
    families = source.config.subjects or tuple(COMPACT)
    for index, family in enumerate(families):
        yield from _family(source, family, _quotas(source, len(families), index))


def _quotas(source: Source, families: int, index: int) -> dict[Split, int]:
    """How many tasks of each split one family gives; the first families give what does not divide evenly."""
    config = source.config
    wanted: dict[Split, int] = {"train": config.train or 0, "dev": config.dev or 0, "test": config.test or 0}
    return {split: n // families + (index < n % families) for split, n in wanted.items()}


def _family(source: Source, family: str, quotas: dict[Split, int]) -> Iterator[Row]:
    options = source.config.family_options.get(family, {})
    found: Counter[Split] = Counter()
    seen: set[str] = set()
    number = barren = 0
    while any(found[split] < n for split, n in quotas.items()):
        taken = 0
        for question in _batch(source, family, options, number):
            text = normalised(question.question)
            split = by_hash(text, source.config.shares)
            if text in seen or found[split] >= quotas[split]:
                continue
            seen.add(text)
            found[split] += 1
            taken += 1
            where = f"{source.field}: {family}"
            yield Row(where, family, question.question, (), question.answer, None, question.answer_kind)
        number += 1
        barren = 0 if taken else barren + 1
        if barren == _BARREN_BATCHES:
            raise BadInput(
                f"{source.field}: {family} has too few different questions: found {dict(found)}, wanted {quotas}. "
                f"Ask for fewer, widen its family_options, or give every split a share."
            )


def _batch(source: Source, family: str, options: dict[str, object], number: int) -> list[Question]:
    seed = stable_seed(source.config.seed, family, number)
    if family in COMPACT and (given := shape(family, options)) != Shape():
        return questions(family, given, seed, _BATCH)
    return generate(family, {} if family in COMPACT else options, seed, _BATCH)
