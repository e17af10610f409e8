import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_core.store.digest import combine_digests, table_digest

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.float64()),
        ("flag", pa.bool_()),
        ("names", pa.list_(pa.string())),
        ("pieces", pa.list_(pa.struct([("text", pa.string()), ("train", pa.bool_())]))),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(),
        "number": st.none() | st.floats(allow_nan=False),
        "flag": st.none() | st.booleans(),
        "names": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
        "pieces": st.none() | st.lists(st.fixed_dictionaries({"text": st.text(max_size=2), "train": st.booleans()})),
    }
)


@given(st.lists(ROW, max_size=8), st.integers(0, 8))
def test_digest_does_not_depend_on_chunks(rows: list[dict[str, object]], cut: int) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    chunked = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    assert table_digest(chunked) == table_digest(table)


@given(st.lists(ROW, min_size=1, max_size=5), st.lists(ROW, min_size=1, max_size=5))
def test_digest_tells_different_rows_apart(left: list[dict[str, object]], right: list[dict[str, object]]) -> None:
    a, b = (pa.Table.from_pylist(rows, schema=SCHEMA) for rows in (left, right))
    assert (table_digest(a) == table_digest(b)) == (a.to_pylist() == b.to_pylist() and _signs(a) == _signs(b))


def _signs(table: pa.Table) -> list[str]:
    return [str(v) for v in table.column("number").to_pylist()]


@pytest.mark.parametrize("codec", ["zstd", "snappy", None])
def test_digest_survives_parquet(tmp_path, codec) -> None:
    table = pa.table({"a": ["x", None, "yy"], "b": [[1, 2], None, []], "c": [1.5, None, -0.0]})
    pq.write_table(table, tmp_path / "t.parquet", compression=codec, row_group_size=1)
    assert table_digest(pq.read_table(tmp_path / "t.parquet")) == table_digest(table)


def test_volatile_columns_do_not_count() -> None:
    a = pa.table({"a": [1], "amortised_s": [0.1]})
    b = pa.table({"a": [1], "amortised_s": [0.2]})
    assert table_digest(a, {"amortised_s"}) == table_digest(b, {"amortised_s"})
    assert table_digest(a) != table_digest(b)


def test_string_boundaries_count() -> None:
    assert table_digest(pa.table({"a": ["ab", "c"]})) != table_digest(pa.table({"a": ["a", "bc"]}))


def test_order_of_parts_counts() -> None:
    assert combine_digests(["a", "b"]) != combine_digests(["b", "a"])
