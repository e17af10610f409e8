"""The dataset card of published rollouts: made from the leader's version and the experiment, no more.

What a model, a person or a file wrote stands in it as text.
"""

from mlpo_core.benchmark.report.views import plain
from mlpo_core.experiment import Experiment
from mlpo_core.publishing.card import dataset_on_hub
from mlpo_core.publishing.licences import UNKNOWN
from mlpo_core.publishing.traces_card import FOLDER, sources, table
from mlpo_core.store import Dataset
from mlpo_core.store.rollouts import steps
from mlpo_core.store.schemas import ROLLOUTS, doc


def rollouts_card(leader: Dataset, experiment: Experiment, licence: str) -> str:
    """The card: YAML front matter and Markdown.

    Args:
        leader: A version of `mlpo_leader` that keeps rollouts.
        experiment: Whose tasks they answer, with all its settings.
        licence: Of the leader's base model, which was trained on them; `unknown` where it is.
    """
    from huggingface_hub import DatasetCardData

    on_hub = sorted({found for source in experiment.tasks if (found := dataset_on_hub(source))})
    data = DatasetCardData(
        license=UNKNOWN,
        source_datasets=on_hub or None,
        task_categories=["text-generation"],
        tags=["mlpo", "multi-agent", "grpo", "rollouts"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": f"{FOLDER}/*.parquet"}]}],
    )
    kept, settings = steps(leader), experiment.mlpo
    sections = [
        f"# {plain(experiment.name)}: rollouts on which its leader was trained",
        "What the leader wrote while GRPO trained it, with what the reward gave for it. One file per kept step, one "
        "row per completion; those of a prompt stand together and are a group. Prompts show the answers of its team, "
        "or none.",
        "## Columns",
        table(["column", "type", "what it holds"], [[f.name, str(f.type), doc(f)] for f in ROLLOUTS]),
        "## Sources and licences",
        table(["benchmark", "from", "licence"], sources(experiment)),
        f"The base leader, which wrote the completions as it was trained: licence {plain(licence)}. Answers of the "
        "team stand in prompts, under whatever its models' licences ask. **The licence of the whole is unknown**: "
        "nobody has chosen one; find out which you may give before you pass this on.",
        "## Figures",
        table(
            ["what", "value"],
            [
                ["kept steps", f"{len(kept)}, from {kept[0]} to {kept[-1]}"],
                ["prompts of a step", str(settings.prompts_per_step)],
                ["completions of a prompt", str(settings.group_size)],
                ["sampling temperature", str(settings.temperature)],
                ["terms of the reward", ", ".join(settings.term_names)],
            ],
        ),
    ]
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"
