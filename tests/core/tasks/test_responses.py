"""Recorded responses that somebody else wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.tasks.responses import responses


@pytest.mark.parametrize("tokens", ["many", [1], -1, 2**31, 1e400])
def test_a_number_of_tokens_that_is_none_is_named_with_its_line(tmp_path: Path, tokens: Any) -> None:
    (tmp_path / "math_tasks.jsonl").write_text("{}")
    rows = [{"task_id": "t", "agent": "a", "response": "1", "prompt_tokens": given} for given in (None, 5, tokens)]
    (tmp_path / "math_responses.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(BadInput, match=r"math_responses\.jsonl, line 3: malformed row: 'prompt_tokens'"):
        list(responses(str(tmp_path), "math", ["a"]))
