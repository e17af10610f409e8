"""A fingerprint changes with the code behind a name, and with nothing else."""

import sys
from pathlib import Path

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.plugins import fingerprint, source

FILES = {
    "lab_print/__init__.py": "",
    "lab_print/rewards.py": "from . import helper\nfrom .deep.more import most\n\n\ndef f(): return helper.g()\n",
    "lab_print/helper.py": "def g(): return 1\n",
    "lab_print/deep/__init__.py": "",
    "lab_print/deep/more.py": "from ..helper import g as most\n",
    "lab_print/unused.py": "x = 1\n",
}


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The fingerprint after some files were replaced."""
    monkeypatch.syspath_prepend(tmp_path)

    def after(path: str = "lab_print.rewards:f", **files: str) -> str:
        changed = {f"lab_print/{name.replace('__', '/')}.py": text for name, text in files.items()}
        for name, text in {**FILES, **changed}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        source._read.cache_clear()
        return fingerprint(path, "f")

    return after


def test_what_the_named_module_reaches_counts_and_nothing_is_run(printed) -> None:
    before = printed()
    assert printed(helper="def g(): return 2\n") != before
    assert printed(deep__more="from ..helper import g as most\nx = 1\n") != before
    assert printed(deep__more="from ..helper import g as most\n") == before
    assert printed("lab_print.rewards:g") != before
    assert "lab_print" not in sys.modules


def test_words_and_what_is_not_reached_cost_nothing(printed) -> None:
    before = printed()
    assert printed(helper='"""Now explained."""\n\n\ndef g():\n    # so\n    return 1\n') == before
    assert printed(unused="x = 2\n") == before


@pytest.mark.parametrize(
    ("path", "problem"),
    [("lab_absent:f", "there is no module lab_absent that is written in Python"), ("math:sqrt", "written in Python")],
)
def test_what_has_no_source_is_refused(path: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        fingerprint(path, "mlpo.reward.1")


def test_a_file_that_is_no_python_is_named(printed) -> None:
    with pytest.raises(BadInput, match=r"helper.py cannot be read as Python"):
        printed(helper="def g(:\n")
