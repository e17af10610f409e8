"""Code that an experiment names is found, or the error says which setting, which path and what was wrong."""

from pathlib import Path

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.plugins import CHECKERS, load


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder on the path; returns what writes a file of it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def test_a_function_and_what_a_class_holds_are_found(package) -> None:
    package("lab_found/__init__.py", "")
    package("lab_found/own.py", "def rate(): return 1\nclass Box:\n    def rate(): return 2\n")
    assert load("lab_found.own:rate", "f")() == 1
    assert load("lab_found.own:Box.rate", "f")() == 2


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("lab_absent.own:f", "there is no module lab_absent. Install its package"),
        ("lab_wrong.absent:f", "there is no module lab_wrong.absent"),
        ("lab_wrong.raises:f", r"importing lab_wrong.raises failed: ZeroDivisionError: .*raises.py, line 2"),
        ("lab_wrong.leaves:f", "importing lab_wrong.leaves failed: SystemExit: 3"),
        ("lab_wrong.needs:f", "importing lab_wrong.needs failed: ModuleNotFoundError: No module named 'lab_other'"),
        ("lab_wrong.says:nothing", "lab_wrong.says has no 'nothing'. It has: number"),
        ("lab_wrong.says:number.more", "int has no|has no 'more'"),
        ("lab_wrong.says:number", "is a int, which cannot be called"),
        ("lab wrong", "is unknown here"),
        ("a:b:c", "is no import path: package.module:name"),
        ("../evil:f", "is no import path"),
        (":f", "is no import path"),
        ("nobodys", r"no installed package has an entry point of this name in mlpo.checkers \(there: none\)"),
    ],
)
def test_an_error_names_the_setting_the_path_and_what_is_wrong(package, path: str, problem: str) -> None:
    package("lab_wrong/__init__.py", "")
    package("lab_wrong/raises.py", "x = 1\n1 / 0\n")
    package("lab_wrong/leaves.py", "import sys\nsys.exit(3)\n")
    package("lab_wrong/needs.py", "import lab_other\n")
    package("lab_wrong/says.py", "number = 1\n")
    with pytest.raises(BadInput, match=problem) as raised:
        load(path, "tasks.0.checker", CHECKERS)
    assert str(raised.value).startswith("tasks.0.checker: ")
    assert path in str(raised.value)


def test_an_entry_point_is_found_by_its_name_in_its_group_alone(package) -> None:
    package("lab_entered.py", "def mine(): return 3\n")
    package("lab_entered-1.dist-info/METADATA", "Name: lab-entered\nVersion: 1\n")
    package("lab_entered-1.dist-info/entry_points.txt", "[mlpo.checkers]\nmine = lab_entered:mine\n")
    assert load("mine", "f", CHECKERS)() == 3
    with pytest.raises(BadInput, match="no installed package"):
        load("mine", "f", "mlpo.rewards")
    with pytest.raises(BadInput, match="no import path"):
        load("mine", "f")


def test_two_packages_that_call_theirs_the_same_are_refused(package) -> None:
    for name in ("lab_one", "lab_two"):
        package(f"{name}-1.dist-info/METADATA", f"Name: {name}\nVersion: 1\n")
        package(f"{name}-1.dist-info/entry_points.txt", f"[mlpo.checkers]\nmine = {name}:mine\n")
    with pytest.raises(BadInput, match="several installed packages call theirs so: lab_one:mine, lab_two:mine"):
        load("mine", "f", CHECKERS)
