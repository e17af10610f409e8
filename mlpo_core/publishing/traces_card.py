"""The dataset card of published SFT traces: made from their version's manifest and the experiment, no more.

What a model, a person or a file wrote stands in it as text.
"""

from collections.abc import Mapping
from typing import Any, cast

from mlpo_core.benchmark.report.views import plain
from mlpo_core.experiment import Experiment
from mlpo_core.publishing.card import dataset_on_hub
from mlpo_core.publishing.licences import OF_DATA, UNKNOWN
from mlpo_core.store import Dataset
from mlpo_core.store.schemas import doc

FOLDER = "data"
"""Folder of the repository in which the parts lie."""
_HIDDEN = ("headline",)


def traces_card(traces: Dataset, experiment: Experiment, licence: str) -> str:
    """The card: YAML front matter and Markdown.

    Args:
        traces: A version of `sft_dataset`.
        experiment: Whose tasks they come from.
        licence: Of the leader's base model, which wrote the completions; `unknown` where it is.
    """
    from huggingface_hub import DatasetCardData

    on_hub = sorted({found for source in experiment.tasks if (found := dataset_on_hub(source))})
    data = DatasetCardData(
        license=UNKNOWN,
        source_datasets=on_hub or None,
        task_categories=["text-generation"],
        tags=["mlpo", "multi-agent", "sft"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": f"{FOLDER}/*.parquet"}]}],
    )
    stats = {name: value for name, value in traces.manifest.stats.items() if name not in _HIDDEN}
    sections = [
        f"# {plain(experiment.name)}: traces on which its leader was fine-tuned",
        f"{traces.count():,} rows. Completions are put together from the base leader's own samples; prompts show the "
        "answers of its team, or none. Each such trace was graded again after it was put together. Rows of kind "
        "`replay` are documents that the base leader was pre-trained on.",
        "## Columns",
        table(["column", "type", "what it holds"], _columns(traces)),
        "## Sources and licences",
        table(["benchmark", "from", "licence"], sources(experiment)),
        f"The base leader, which wrote the completions: licence {plain(licence)}. Answers of the team stand in "
        "prompts, under whatever its models' licences ask. **The licence of the whole is unknown**: nobody has chosen "
        "one; find out which you may give before you pass this on.",
        "## Figures",
        *_figures(stats),
    ]
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"


def _columns(traces: Dataset) -> list[list[str]]:
    """The columns that are stored: older versions lack those that came later."""
    first = next(traces.batches(batch_size=1), None)
    stored = traces.schema.names if first is None else first.schema.names
    return [[field.name, str(field.type), doc(field)] for field in traces.schema if field.name in stored]


def sources(experiment: Experiment) -> list[list[str]]:
    """A line per benchmark: its name, where its tasks come from, and their licence."""
    return [
        [
            source.benchmark,
            dataset_on_hub(source) or ("generated" if source.benchmark == "procedural" else "own files"),
            OF_DATA.get(source.benchmark, UNKNOWN) if source.published else UNKNOWN,
        ]
        for source in experiment.tasks
    ]


def _figures(stats: Mapping[str, Any]) -> list[str]:
    """Each section of the version's stats as a table."""
    found: list[str] = []
    for title, values in stats.items():
        if isinstance(values, dict) and values:
            rows = [[str(name), str(value)] for name, value in cast("dict[Any, Any]", values).items()]
            found += [f"### {plain(title)}", table(["what", "value"], rows)]
    return found


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, of cells that are text."""
    lines = [f"| {' | '.join(map(plain, line))} |" for line in (columns, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(columns)}", *lines[1:]])
