"""Makes the report: figures first, then the page, the Markdown and the picture that show them."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq

from mlpo_core.benchmark.accuracy import accuracy, subjects
from mlpo_core.benchmark.attack_success import attack_success
from mlpo_core.benchmark.by_team import by_team
from mlpo_core.benchmark.comparisons import comparisons, pairs, reference
from mlpo_core.benchmark.costs import answer_costs, totals, training_costs
from mlpo_core.benchmark.dollars import dollars
from mlpo_core.benchmark.judged import judged
from mlpo_core.benchmark.latency import latency
from mlpo_core.benchmark.metric import ALL, Metric, as_table
from mlpo_core.benchmark.outcomes import Outcomes, read_outcomes
from mlpo_core.benchmark.over_k import over_k
from mlpo_core.benchmark.report import headline
from mlpo_core.benchmark.report.cards import cards
from mlpo_core.benchmark.report.lookup import Figures
from mlpo_core.benchmark.report.page import render
from mlpo_core.benchmark.report.plots import accuracy_png, filter_plot, plots, training_plots
from mlpo_core.benchmark.report.provenance import provenance
from mlpo_core.benchmark.report.tables import details
from mlpo_core.benchmark.report.team_views import team_plots, team_tables
from mlpo_core.benchmark.report.views import View, markdown, plain, rows_markdown
from mlpo_core.context import Context
from mlpo_core.listening import addresses
from mlpo_core.methods.score_leader import NAME as SCORE
from mlpo_core.progress import log
from mlpo_core.rounds.latency import read_latency
from mlpo_core.store import Dataset
from mlpo_core.store.lineage import chain

NOT_COMPARED: Mapping[str, str] = {
    "SCoRe": "self-correction by multi-turn RL: trained and compared where benchmark.methods names score_leader",
    "ACC-Collab": "an actor and a critic trained together: not built here",
}
"""Baselines of the paper that are not part of a report."""
_STANDS_FOR: Mapping[str, str] = {"SCoRe": SCORE}
"""The leader by whose methods one of them is compared."""
_IN_METADATA = ("headline", "comparison-all", "benchmarks", "rounds", "majority", "ties", "answers", "training")


def make(ctx: Context) -> dict[str, Any]:
    """Write the figures, `report.html`, `report.md`, `metrics.parquet` and a plot; returns the manifest's stats.

    Raises:
        BadInput: The predictions cannot be compared; names the rows (see `read_outcomes`).
    """
    predictions = ctx.inputs["benchmark_predictions"]
    outcomes = read_outcomes(ctx.inputs["tasks"], predictions)
    versions = chain(ctx.inputs, ctx.store)
    not_run: dict[str, str] = predictions.manifest.stats.get("not_run", {})
    metrics = [*_results(outcomes, ctx), *_costs(outcomes, ctx, versions), *_absent(not_run)]
    table = as_table(metrics)
    ctx.writer.write(0, table)
    _put_table(ctx, table)

    figures, k = Figures(metrics), ctx.experiment.k
    chosen = reference(outcomes)
    top = headline.rows(figures, chosen)
    findings = [s for f in headline.findings(figures) if (s := headline.sentence(f))]
    notes = _notes(ctx, outcomes)
    caption = f"{len(outcomes.task_ids):,} test tasks. {_seeds(outcomes)}"
    main = headline.as_view(top, chosen, caption)
    tables = [*details(figures, k), *team_tables(figures)]
    page: dict[str, Any] = {
        "name": ctx.partition,
        "description": ctx.experiment.description,
        "question": headline.question(chosen),
        "reference": chosen,
        "top": top,
        "scale": _scale(top),
        "main": main,
        "findings": findings,
        "comparisons": headline.findings(figures),
        "cost": headline.costs(figures),
        "notes": notes,
        "not_run": not_run,
        "not_compared": _not_compared(outcomes),
        "tables": tables,
        "cards": cards(ctx.inputs),
        "conversations": addresses.usual(addresses.tasks(ctx.partition)),
        "provenance": provenance(ctx.experiment, ctx.partition, versions),
    }
    drawn = [*plots(figures, k, chosen), *team_plots(figures), *training_plots(ctx.inputs)]
    histogram = filter_plot(ctx.inputs["hard_tasks"])
    ctx.writer.put("report.html", render("report.html.j2", plots=[*drawn, *([histogram] if histogram else [])], **page))
    ctx.writer.put("report.md", _markdown(page).encode())
    ctx.writer.put("plots/accuracy.png", accuracy_png(top))
    log("\n".join(["benchmark_report:", *findings]))
    return {
        "headline": headline.numbers(figures, top, chosen),
        "headline_table": {"columns": list(main.columns), "rows": [list(r) for r in main.rows], "findings": findings},
        "test_tasks": len(outcomes.task_ids),
        "seeds": list(outcomes.seeds),
        "reference": chosen,
        "notes": notes,
        "tables_md": {
            v.title: "\n".join(rows_markdown(v)) for v in (main, *tables) if v.key in _IN_METADATA and v.rows
        },
    }


def _results(outcomes: Outcomes, ctx: Context) -> Iterator[Metric]:
    yield from accuracy(outcomes)
    yield from subjects(outcomes)
    yield from by_team(outcomes, ctx.experiment.k)
    yield from comparisons(outcomes, *pairs(outcomes, ctx.experiment.benchmark.claims))
    yield from over_k(
        ctx.inputs["tasks"],
        ctx.inputs["agent_proposals"],
        ctx.inputs["benchmark_predictions"],
        [a.name for a in ctx.experiment.team.agents],
    )
    yield from attack_success(ctx.inputs["tasks"], ctx.inputs["benchmark_predictions"])


def _costs(outcomes: Outcomes, ctx: Context, versions: Mapping[str, Dataset]) -> Iterator[Metric]:
    yield from answer_costs(outcomes)
    timed = read_latency(versions["team_rounds"]) if "team_rounds" in versions else ()
    yield from latency(outcomes.answers, ctx.experiment, timed)
    yield from training_costs(ctx.inputs)
    yield from totals(versions)
    yield from dollars(ctx.experiment, versions)
    yield from judged(versions)


def _not_compared(outcomes: Outcomes) -> dict[str, str]:
    led = {way.method.partition("/")[0] for way in outcomes.answers}
    return {name: reason for name, reason in NOT_COMPARED.items() if _STANDS_FOR.get(name) not in led}


def _absent(not_run: Mapping[str, str]) -> Iterator[Metric]:
    for method, reason in not_run.items():
        yield Metric("not_run", ALL, method, "accuracy", note=f"not run: {reason}")


def _put_table(ctx: Context, table: Any) -> None:
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    ctx.writer.put("metrics.parquet", buffer.getvalue())


def _seeds(outcomes: Outcomes) -> str:
    if len(outcomes.seeds) == 1:
        return "One seed, so there is no interval over seeds."
    return f"Mean of {len(outcomes.seeds)} seeds."


def _notes(ctx: Context, outcomes: Outcomes) -> list[str]:
    """What a reader must know before the figures."""
    stats = ctx.inputs["tasks"].manifest.stats
    notes = [str(n) for n in stats.get("notes", ())]
    for source in ctx.experiment.tasks:
        if source.divide_test and not any(n.startswith(source.benchmark) for n in notes):
            notes.append(f"{source.benchmark}: its published test set is divided (divide_test)")
    if wrong := stats.get("gold_graded_wrong", {}).get("count"):
        notes.append(f"the grader rejects the gold answer of {wrong} tasks, which nobody can solve")
    if trainer := ctx.experiment.trained_by:
        notes.append(f"the leaders were trained by experiment {trainer}, and are tested here with this team and tasks")
    if len(outcomes.seeds) == 1:
        notes.append("one seed: intervals are over tasks only")
    return notes


def _scale(top: list[headline.Row]) -> tuple[float, float]:
    """Ends of the interval graphics, as shares."""
    return max(0.0, min(r.low for r in top) - 0.02), min(1.0, max(r.high for r in top) + 0.02)


def _markdown(page: Mapping[str, Any]) -> str:
    """The same tables as the page."""
    sections = [
        f"# {plain(page['name'])}: {plain(page['question'])}\n",
        *(f"- {plain(s)}" for s in (*page["findings"], *page["notes"], f"cost: {page['cost']}")),
        "",
        markdown(page["main"]),
        *(markdown(view) for view in page["tables"]),
        "## Not run\n",
        *(f"- {plain(method)}: {plain(reason)}" for method, reason in page["not_run"].items()),
        *([] if page["not_run"] else ["Nothing was left out."]),
        "\n## Not compared\n",
        *(f"- {plain(method)}: {plain(reason)}" for method, reason in page["not_compared"].items()),
        "",
        *(markdown(View(v.key, f"{card.asset}: {v.title}", *v[2:]), 3) for card in page["cards"] for v in card.views),
        *(markdown(view) for view in (page["provenance"].versions, page["provenance"].models)),
    ]
    return "\n".join(sections)
