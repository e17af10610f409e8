"""A page per asset: what it is made from, which settings it reads, and its columns, from stages and schemas."""

from collections.abc import Mapping

import pyarrow as pa

from mlpo_core.chain.stages import STAGES
from mlpo_core.store.schemas import ROLLOUTS, SCHEMAS, doc, sources
from scripts.pages.markdown import table

INDEX = "assets/index.md"


def pages() -> Mapping[str, str]:
    """Markdown by path in the site: the list of assets, then one page each, in the order in which data flow."""
    rows = [[f"[`{a}`]({a}.md)", stage.group, stage.description] for a, stage in STAGES.items()]
    index = "# Assets\n\nIn the order in which data flow.\n\n" + table(["asset", "group", "what it holds"], rows)
    return {INDEX: index, **{f"assets/{asset}.md": page(asset) for asset in STAGES}}


def page(asset: str) -> str:
    """One asset, as Markdown."""
    stage = STAGES[asset]
    inputs = ", ".join(f"[`{name}`]({name}.md)" for name in stage.inputs) or "nothing"
    readers = ", ".join(f"[`{a}`]({a}.md)" for a, s in STAGES.items() if asset in s.inputs) or "nobody"
    settings = ", ".join(f"`{name}`" for name in stage.sections)
    return (
        f"# {asset}\n\n{stage.description}.\n\n"
        f"- **Made from** {inputs}.\n- **Read by** {readers}.\n- **Settings in its key**: {settings} "
        f"([settings](../settings.md)).\n- **Function**: `{stage.function}`.\n\n"
        '`?` marks a column that may be null. "Taken from" names the columns that a value depends on.\n\n'
        f"{table(['column', 'type', 'holds', 'taken from'], [_row(field) for field in SCHEMAS[asset]])}"
        f"{_rollouts() if any(name.endswith('.keep_rollouts') for name in stage.sections) else ''}"
    )


def _rollouts() -> str:
    """The columns of the rollouts that a leader's version keeps."""
    rows = [_row(field)[:-1] for field in ROLLOUTS]
    return f"\n\n## `rollouts/step-….parquet`\n\nOf every kept step.\n\n{table(['column', 'type', 'holds'], rows)}"


def _row(field: pa.Field) -> list[str]:
    kind = f"`{field.type}`{' ?' if field.nullable else ''}"
    return [f"`{field.name}`", kind, doc(field), ", ".join(f"`{source}`" for source in sources(field))]
