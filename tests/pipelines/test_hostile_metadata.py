"""What the UI is given of hostile rows: text, on one line, whatever it holds."""

import html
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipelines.metadata import _cell, describe
from tests import mini_chain

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>|[a](javascript:x)`![b](http://evil/x.png)\n# x"


def test_the_preview_of_hostile_rows_is_a_table_without_markup(tmp_path: Path) -> None:
    rows = [{**mini_chain.proposal(mini_chain.task(1), "alpha", 0, None), "response": HOSTILE, "extracted": "=cmd()"}]
    preview = describe(mini_chain.put(mini_chain.store(tmp_path), "agent_proposals", rows), reused=False)[
        "preview"
    ].value
    head, line, row = preview.split("\n")
    assert head.count("|") == line.count("|") == row.count("|")
    assert not re.search(r"[<>\[\]()`!]", row)


@given(st.text())
def test_no_character_of_a_cell_acts(text: str) -> None:
    cell = _cell(text)
    assert len(cell.splitlines()) <= 1
    assert not set(re.sub(r"&#\d+;", "", cell)) & set("<>&|`[]()!*_\\$")
    assert html.unescape(cell).rstrip("…") in " ".join(text.split()) or "\x00" in text
