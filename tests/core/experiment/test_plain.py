"""Files that cost much, or say two things, are refused at the door; the others work on."""

import time
from pathlib import Path

import pytest
import yaml

from mlpo_core.errors import BadInput
from mlpo_core.experiment import load, parse
from mlpo_core.experiment.files import files, find, names, points
from mlpo_core.experiment.plain import MOST_BYTES
from tests.core.experiment.test_config import MINIMAL

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
HOSTILE = {
    "bomb": (BOMB, "more than 20000 values"),
    "loop": ("seed: &a [*a]", "stands inside what it repeats"),
    "deep": ("seed: " + "[" * 5000, "nested deeper than 32"),
    "digits": (f"seed: {'1' * 5000}", "a number of 5000 characters; at most 100"),
    "hexadecimal": (f"seed: 0x{'f' * 5000}", "at most 100"),
    "large": ("#" * (MOST_BYTES + 1), "larger than"),
    "twice": ("seed: 1\nname: a\nseed: 2", "'seed' stands twice"),
    "date": ("seed: 2026-99-99", "'2026-99-99' is no timestamp"),
    "int": ("seed: !!int", r"'' is no int\n.*line 1"),
    "bool": ("seed: !!bool perhaps", "'perhaps' is no bool"),
    "time": ("seed: !!timestamp x", "'x' is no timestamp"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Experiments, of which `small` is valid."""
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(MINIMAL))
    return tmp_path


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason_and_the_others_work(folder: Path, kind: str) -> None:
    text, reason = HOSTILE[kind]
    (folder / f"{kind}.yaml").write_text(text)
    started = time.process_time()
    with pytest.raises(BadInput, match=reason) as caught:
        find(kind)
    assert time.process_time() - started < 5 and len(str(caught.value)) < 1000
    assert [name for path in files() for name in names(path)] == sorted([kind, "small"])
    with pytest.raises(BadInput, match=rf"(?s)absent\.yaml: no such experiment file.*{kind} \("):
        find("absent")


def test_folders_and_what_an_editor_leaves_are_no_experiments(folder: Path) -> None:
    (folder / "folder.yaml").mkdir()
    (folder / ".#small.yaml").symlink_to("me@host.1234")
    (folder / "a\nb.yaml").write_text("")
    assert [path.name for path in files()] == ["small.yaml"]
    with pytest.raises(BadInput, match=r"folder\.yaml: is no file"):
        find("folder")


def test_an_override_is_read_as_carefully_as_the_file(folder: Path) -> None:
    for value, reason in (("[" * 5000, "nested deeper"), ("1" * 5000, "at most 100"), ("{a: 1, a: 2}", "stands twice")):
        with pytest.raises(BadInput, match=reason):
            load(folder / "small.yaml", (f"seed={value}",))


def test_a_merge_key_is_no_duplicate(folder: Path) -> None:
    text = yaml.safe_dump(MINIMAL) + "sft: &sft {steps: 3}\nmlpo: {<<: *sft, steps: 4}\n"
    (folder / "small.yaml").write_text(text)
    assert load(folder / "small.yaml").mlpo.steps == 4


def test_a_sweep_is_counted_before_it_is_built() -> None:
    thousand = list(range(1000))
    started = time.process_time()
    with pytest.raises(BadInput, match="1000000 points; at most 10000"):
        parse({**MINIMAL, "sweep": {"seed": thousand, "base_models.seed": thousand}}, "small.yaml")
    assert time.process_time() - started < 1


def test_two_thousand_points_are_listed_within_a_second() -> None:
    swept = parse({**MINIMAL, "sweep": {"seed": list(range(1000)), "mlpo.steps": [1, 2]}}, "small.yaml")
    started = time.process_time()
    assert len(points(swept)) == 2000
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seed": 2**63}, "seed"),
        ({"seed": -1}, "seed"),
        ({"benchmark": {"seeds": [2**64]}}, "benchmark.seeds.0"),
        ({"proposals": {"temperature": float("inf")}}, "proposals.temperature"),
        ({"inference": {"vote_temperature": float("nan")}}, "inference.vote_temperature"),
        ({"name": "n" * 256}, "name"),
    ],
)
def test_what_would_fail_late_is_refused_with_its_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse({**MINIMAL, **change}, "small.yaml")
    assert [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]] == [field]


def test_a_point_whose_name_no_file_could_have_is_refused_with_its_limit() -> None:
    swept = parse({**MINIMAL, "sweep": {"description": ["x" * 300]}}, "small.yaml")
    with pytest.raises(BadInput, match=r"sweep: .*at most 240"):
        points(swept)
