"""The page: what it names, what is missing on it, its pictures, and refusals."""

from pathlib import Path

import pandas as pd
import pytest

from mlpo_core.errors import BadInput
from mlpo_core.maps import write
from mlpo_core.store import Store
from tests.core.maps.test_maps import mapped, sheet


def test_the_page_names_its_commit_what_is_missing_and_shows_every_axis_and_plane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = sheet(0.35, 0.5, 0.8, left_out=("low--seed=1",)).answers
    monkeypatch.setattr(write, "read_answers", lambda *_: answers)
    monkeypatch.setattr(write, "commit", lambda: "c0ffee")
    said = write.write_map(answers.experiment, Store(str(tmp_path)))
    folder = tmp_path / "maps"
    page = (folder / "lab.md").read_text()
    assert said.endswith("lab.md") and "| lead | turned | rule | points behind it |" in said
    assert "the code of commit c0ffee. Of 6 points 5 are there" in page
    assert "still missing: point=low--seed=1." in page
    for part in ("skill", "way", "both", "rounds"):
        assert f"(lab-{part}.svg)" in page and (folder / f"lab-{part}.svg").read_text().startswith("<svg")
    assert "Leads: agent, % right" in page and "<other>" not in page
    assert set(pd.read_parquet(folder / "lab.parquet")["kind"]) == {"test", "accuracy"}


def test_an_experiment_without_a_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="lab: map: this experiment has none"):
        write.write_map(mapped().model_copy(update={"map": None}), Store(str(tmp_path)))
