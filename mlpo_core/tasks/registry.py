"""Which module reads the tasks of which benchmark, from which kind of source."""

from collections.abc import Iterable, Iterator

from mlpo_core.errors import BadInput
from mlpo_core.tasks import bbh, math, mmlu, mmlu_pro, own, procedural, recorded
from mlpo_core.tasks.rows import Row
from mlpo_core.tasks.sources import ON_HUB, Source

_BENCHMARKS = {"bbh": bbh, "math": math, "mmlu": mmlu, "mmlu_pro": mmlu_pro}


def read(source: Source) -> Iterator[Row]:
    """The rows of a source, only of the subjects wanted.

    Raises:
        BadInput: The source cannot be read, a row is malformed, or a subject does not exist there.
    """
    config = source.config
    if config.benchmark == "procedural":
        yield from procedural.rows(source)
        return
    module = _BENCHMARKS.get(config.benchmark, own)
    if config.source == "recorded":
        found: Iterable[Row] = recorded.rows(source)
    elif config.source == "hub" or config.source.startswith(ON_HUB):
        found = module.from_hub(source)
    else:
        found = module.from_files(source)
    subjects: set[str] = set()
    for row in found:
        subjects.add(row.subject)
        if not config.subjects or row.subject in config.subjects:
            yield row
    if unknown := sorted(set(config.subjects) - subjects):
        raise BadInput(
            f"{source.field}.subjects: {', '.join(unknown)} not found; there are: {', '.join(sorted(subjects))}"
        )
