"""Column schema and column lineage in Dagster's terms, from the schemas that `mlpo_core` declares."""

import dagster as dg
import pyarrow as pa

from mlpo_core.store.schemas import SCHEMAS, doc, sources


def column_schema(asset: str) -> dg.TableSchema:
    """The declared columns of an asset. Each says what it is taken from: the open UI shows no column lineage."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=field.name,
                type=str(field.type),
                description=_described(field),
                constraints=dg.TableColumnConstraints(nullable=field.nullable),
            )
            for field in SCHEMAS[asset]
        ]
    )


def _described(field: pa.Field) -> str:
    made_of = ", ".join(sources(field))
    return f"{doc(field)} (from {made_of})" if made_of else doc(field)


def column_lineage(asset: str) -> dg.TableColumnLineage:
    """For every column, the columns of other assets that its values come from; none means that it is made here."""
    return dg.TableColumnLineage(
        deps_by_column={field.name: [_dependency(source) for source in sources(field)] for field in SCHEMAS[asset]}
    )


def _dependency(source: str) -> dg.TableColumnDep:
    asset, _, column = source.partition(".")
    return dg.TableColumnDep(asset_key=asset, column_name=column)
