"""The model card of a published leader: made from its report, with what speaks against it.

Whatever a model, a person or a file wrote stands in it as text: escaped, or in a fence that it cannot close.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mlpo_core.benchmark.metric import from_table
from mlpo_core.benchmark.report.headline import findings
from mlpo_core.benchmark.report.lookup import Figures, count
from mlpo_core.benchmark.report.tables import details
from mlpo_core.benchmark.report.views import plain, rows_markdown
from mlpo_core.context import Context
from mlpo_core.experiment import Experiment, TaskSource
from mlpo_core.models.references import Kind
from mlpo_core.publishing.leader_file import NAME, LeaderFile, Member
from mlpo_core.publishing.licences import OF_DATA, UNKNOWN
from mlpo_core.publishing.usage import how_to_load
from mlpo_core.store import Dataset
from mlpo_core.tasks.sources import HUB, ON_HUB

METHOD = "mlpo_leader/team"
_LONGEST = 2000
"""Characters of an example that are shown."""
_RECIPE = {
    "sft": ("steps", "batch_size", "learning_rate", "backtrack_share", "solo_share", "lora_rank", "lora", "trl"),
    "mlpo": (
        "steps",
        "prompts_per_step",
        "group_size",
        "learning_rate",
        "temperature",
        "solo_share",
        "rounds",
        "lora_rank",
        "lora",
        "trl",
    ),
}
"""What of a training's settings, as its key has them, the card shows; all of them are in the experiment."""


class Base(NamedTuple):
    """The model that was trained.

    Attributes:
        kind: How the experiment names it.
        model: Its name; of a local folder the last part.
        revision: The hub's commit, or a digest.
        licence: As Hugging Face names it, or `unknown`.
    """

    kind: Kind
    model: str
    revision: str
    licence: str


def card(ctx: Context, described: LeaderFile, base: Base) -> str:
    """The card: YAML front matter and Markdown."""
    report = ctx.inputs["benchmark_report"]
    figures = Figures(from_table(report.table()))
    experiment, name = ctx.experiment, ctx.partition
    sections = [
        f"# {plain(name)}: the leader of a team of {experiment.k} models",
        _about(experiment, described, base),
        how_to_load(described, base.model),
        *_base(base, described),
        *_data(experiment),
        *_recipe(ctx, figures),
        *_results(experiment, report, figures),
        *_against(report, figures),
        *_example(ctx),
    ]
    return f"---\n{_front_matter(experiment, name, figures, described, base)}---\n\n" + "\n\n".join(sections) + "\n"


def fenced(text: str) -> str:
    """A text in a fence that is longer than any in it."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"
    return f"{fence}text\n{shown}\n{fence}"


def _front_matter(experiment: Experiment, name: str, figures: Figures, described: LeaderFile, base: Base) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    named = {b: source for source in experiment.tasks if (b := source.benchmark)}
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=(dataset_on_hub(named[benchmark]) if benchmark in named else "") or benchmark,
            dataset_name=benchmark,
            metric_type="accuracy",
            metric_value=round(100 * found.value, 1),
            metric_name=f"accuracy of {way}, %",
        )
        for benchmark in figures.benchmarks
        for way in figures.ways
        if way.method == METHOD
        if (found := figures.get("accuracy", way, "accuracy", benchmark)) and found.value is not None
    ]
    public = base.kind == "hub"
    data = ModelCardData(
        base_model=base.model if public else None,
        base_model_relation=("adapter" if described.form == "adapter" else "finetune") if public else None,
        datasets=sorted({d for source in experiment.tasks if (d := dataset_on_hub(source))}) or None,
        library_name="peft" if described.form == "adapter" else "transformers",
        license=base.licence,
        model_name=name if results else None,
        eval_results=results or None,
        pipeline_tag="text-generation",
        tags=["mlpo", "multi-agent", "grpo"],
    )
    return data.to_yaml() + "\n"


def dataset_on_hub(source: TaskSource) -> str:
    """The hub's dataset that tasks come from; empty where they come from elsewhere."""
    if source.source == "hub":
        return HUB.get(source.benchmark, "")
    return source.source.removeprefix(ON_HUB) if source.source.startswith(ON_HUB) else ""


def _about(experiment: Experiment, described: LeaderFile, base: Base) -> str:
    t = experiment.inference.rounds
    text = (
        f"A language model that was trained to read the answers of its team and to write a better one: "
        f"{plain(base.model)}, trained by multi-agent post-co-training (MLPO). It is of use **with its team** "
        f"(below); it was measured in {t} {'round' if t == 1 else 'rounds'} with that team and on the tasks below, and "
        "nowhere else."
    )
    about = f"\n\n{plain(experiment.description)}" if experiment.description else ""
    columns = ["agent", "model", "revision", "own instruction"]
    rows = [[m.name, _model(m), m.revision or "–", m.prompt or "–"] for m in described.team]
    return f"{text}{about}\n\n## Its team\n\n" + _table(columns, rows)


def _model(member: Member) -> str:
    where = {"hub": "", "root": " (made or kept where the leader was trained)", "elsewhere": " (elsewhere)"}
    return member.model + where[member.where]


def _base(base: Base, described: LeaderFile) -> list[str]:
    lines = [f"The base is {plain(base.model)}, revision {plain(base.revision or 'unknown')}."]
    if base.licence == UNKNOWN:
        lines.append(
            "**Its licence is unknown**: it names none that could be read. Find it out before you pass this on."
            if base.kind != "pretrain"
            else "It was pre-trained here, on documents that the project's code wrote, and **nobody has given it a "
            "licence**: whoever passes it on says which."
        )
    else:
        lines.append(f"Its licence is {plain(base.licence)}; what is trained from it stands under it too.")
    if described.form == "adapter":
        lines.append("Published is the adapter alone: loading it takes the base from the hub.")
    return ["## Base model and licence", " ".join(lines)]


def _data(experiment: Experiment) -> list[str]:
    rows = [
        [
            source.benchmark,
            dataset_on_hub(source) or ("generated" if source.benchmark == "procedural" else "own files"),
            OF_DATA.get(source.benchmark, UNKNOWN) if source.published else UNKNOWN,
        ]
        for source in experiment.tasks
    ]
    told = "Tasks it was trained and tested on, by benchmark. Test tasks are disjoint from those of training."
    trainer = experiment.trained_by
    by = f" The leader was trained by the experiment {plain(trainer)}, on the tasks named there." if trainer else ""
    return ["## Data", f"{told}{by}", _table(["benchmark", "from", "licence"], rows)]


def _recipe(ctx: Context, figures: Figures) -> list[str]:
    """What the versions that were trained say of their settings: another experiment may have trained them."""
    rows: list[list[str]] = []
    for asset, part in (("sft_leader", "sft"), ("mlpo_leader", "mlpo")):
        if asset in ctx.inputs:
            settings = ctx.inputs[asset].manifest.config.get("config", {})
            section = settings.get(part, {})
            rows += [[f"{part}.{name}", str(section[name])] for name in _RECIPE[part] if name in section]
            rows += [["seed", str(settings.get("seed"))]] if part == "mlpo" else []
    tokens = [
        [metric.method, count(metric.value)]
        for metric in figures.of("training", "tokens")
        if metric.method in ("sft_leader", "mlpo_leader")
    ]
    found = [
        "## Training",
        "Supervised fine-tuning on verified traces where `sft` stands below, then GRPO with Dr. GRPO's corrections on "
        "prompts that show the team's answers, on tasks that the team does not already solve.",
        _table(["setting", "value"], rows),
    ]
    return (
        [*found, "Tokens through the leader in training:", _table(["training", "tokens"], tokens)] if tokens else found
    )


def _results(experiment: Experiment, report: Dataset, figures: Figures) -> list[str]:
    stats = report.manifest.stats
    table = stats["headline_table"]
    seeds = ", ".join(map(str, stats["seeds"]))
    found = [
        "## Results",
        f"{stats['test_tasks']:,} test tasks, evaluation seeds {seeds}. Percent right with 95 % Wilson intervals over "
        "tasks; tokens and model calls of one answer. An oracle looks at the gold answers: an upper bound.",
        _table(table["columns"], table["rows"]),
    ]
    compared = next((v for v in details(figures, experiment.k) if v.key.startswith("comparison") and v.rows), None)
    if compared:
        found += [
            "### Comparisons",
            plain(compared.caption),
            "\n".join(rows_markdown(compared)),
        ]
    return found


def _against(report: Dataset, figures: Figures) -> list[str]:
    """What does not hold, as plainly as what does."""
    found: list[str] = []
    for finding in findings(figures):
        if not finding.way.startswith(METHOD):
            continue
        if finding.worse:
            found.append(f"{finding.way} is significantly **worse** than {_listed(finding.worse)}.")
        if finding.undecided:
            found.append(f"{finding.way} shows no significant difference from {_listed(finding.undecided)}.")
    if not any(way.method == METHOD for way in figures.ways):
        found.append(
            f"{METHOD} was not among the methods that were compared: how good this leader is was not measured."
        )
    found += [f"{plain(note)}." for note in report.manifest.stats["notes"]]
    found.append("Other teams, other tasks, other languages and longer questions were not measured.")
    found.append(
        "What its team writes can mislead it, also on purpose: treat its answers as those of a language model."
    )
    return ["## What does not hold", "\n".join(f"- {line}" for line in found)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(plain, names))


def _example(ctx: Context) -> list[str]:
    """The first test task that it answered with its team."""
    rows = ctx.inputs["benchmark_predictions"].rows(["task_id", "method", "rounds", "response", "correct"])
    row = next((r for r in rows if r["method"] == METHOD), None)
    if row is None:
        return []
    questions = ctx.inputs["tasks"].rows(["task_id", "question"])
    question = next(task["question"] for task in questions if task["task_id"] == row["task_id"])
    verdict = "right" if row["correct"] else "wrong"
    return [
        "## An answer",
        f"The first test task, answered with its team in {row['rounds']} round(s) ({verdict}):",
        fenced(question),
        fenced(row["response"]),
        f"The prompts that it reads are in `{NAME}`.",
    ]


def _table(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [list(map(str, columns)), *([str(cell) for cell in row] for row in rows)]
    written = [f"| {' | '.join(map(plain, line))} |" for line in lines]
    return "\n".join([written[0], f"|{'---|' * len(lines[0])}", *written[1:]])
