"""Stored answers survive kills, torn lines, full disks and folding, and money is counted once."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.store import Store
from mlpo_core.store.answers import Answers, Stored
from mlpo_core.store.answers.index import Index
from mlpo_core.store.answers.lines import left_of, parsed, whole, written
from mlpo_core.store.answers.overview import overview, prune
from mlpo_core.store.answers.shelf import MANY
from tests.support import REPOSITORY


def answer(text: str, model: str = "m", at: float = 0.0) -> Stored:
    return Stored(
        model=model,
        text=text,
        prompt_tokens=3,
        cached_prompt_tokens=0,
        completion_tokens=2,
        finish_reason="stop",
        seconds=0.5,
        at=at or time.time(),
    )


def key(number: int) -> str:
    return f"{number:032x}"


def put(root: Path | str, *numbers: int, model: str = "m", payer: str = "lab") -> None:
    """One process's worth of answers."""
    answers = Answers(Store(str(root)), payer)
    answers.open()
    for number in numbers:
        answers.keep(key(number), answer(f"answer {number}", model), 0.5)
    answers.close()


def found(root: Path | str, numbers: range) -> list[str | None]:
    answers = Answers(Store(str(root)))
    answers.open()
    try:
        return [made.text if (made := answers.find(key(n))) else None for n in numbers]
    finally:
        answers.close()


def segments(root: Path) -> list[Path]:
    return sorted((root / "answers").glob("*.answers"))


def test_every_cut_and_every_flipped_bit_loses_only_its_own_line(tmp_path: Path) -> None:
    put(tmp_path, 0, 1, 2)
    [path] = segments(tmp_path)
    data = path.read_bytes()
    places = [start for start, _ in whole(data)]
    for cut in range(0, len(data), 7):
        path.write_bytes(data[:cut])
        index = Index([path.parent])
        index.refresh()
        there = [index.find(key(n)) is not None for n in range(3)]
        assert there == [cut >= end for end in [*places[1:], len(data)]]
    for at in range(0, len(data), 11):
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        index = Index([path.parent])
        index.refresh()
        lines = [index.find(key(n)) for n in range(3)]
        texts = [made.text for line in lines if line and (made := line.answer())]
        assert len(texts) >= (1 if data[at] ^ 4 == 10 or data[at] == 10 else 2)
        assert set(texts) <= {f"answer {n}" for n in range(3)}


@pytest.mark.parametrize(
    "line", [b"", b"-", b"a b c", b"\xff\xfe", b"0" * 16 + b" k p nan {}", b"0" * 16 + b" k p -1 {}"]
)
def test_what_is_no_line_is_none(line: bytes) -> None:
    assert parsed(line) is None


@pytest.mark.parametrize("dollars", [float("nan"), float("inf"), -1.0])
def test_money_that_is_none_is_no_line(dollars: float) -> None:
    assert parsed(written("k", "p", dollars, {})[:-1]) is None


def test_many_segments_are_folded_and_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    for number in range(MANY):
        put(tmp_path, number)
    copies = [path.read_bytes() for path in segments(tmp_path)]
    put(tmp_path, MANY)
    assert len(segments(tmp_path)) == 2
    assert found(tmp_path, range(MANY + 1)) == [f"answer {n}" for n in range(MANY + 1)]
    for number, data in enumerate(copies[:5]):  # killed before it had deleted them
        (tmp_path / "answers" / f"{number:032x}.answers").write_bytes(data)
    answers = Answers(Store(str(tmp_path)), "lab")
    assert answers.spent() == pytest.approx(0.5 * (MANY + 1))
    assert overview(Store(str(tmp_path))).models["m"].dollars == pytest.approx(0.5 * (MANY + 1))


def test_a_reader_follows_segments_that_are_folded_under_it(tmp_path: Path) -> None:
    for number in range(MANY):
        put(tmp_path, number)
    index = Index([tmp_path / "answers"])
    index.refresh()
    put(tmp_path, MANY)
    line = index.find(key(7))
    assert line and line.answer() == answer("answer 7", at=line.fields()["at"])


def test_a_segment_in_use_is_neither_folded_nor_pruned(tmp_path: Path) -> None:
    using = Answers(Store(str(tmp_path)), "lab")
    using.open()
    using.keep(key(100), answer("mine"), 0.5)
    for number in range(MANY):
        put(tmp_path, number)
    put(tmp_path, MANY)
    assert prune(Store(str(tmp_path)), lambda _: True) == 1
    using.keep(key(101), answer("mine too"), 0.5)
    using.close()
    assert found(tmp_path, range(100, 102)) == ["mine", "mine too"]
    assert found(tmp_path, range(MANY)) == [None] * MANY


def test_pruned_answers_leave_their_money(tmp_path: Path) -> None:
    put(tmp_path, 1, 2, model="old")
    put(tmp_path, 3, model="new")
    before = {path: path.read_bytes() for path in segments(tmp_path)}
    assert prune(Store(str(tmp_path)), lambda made: made.model == "old") == 0
    assert found(tmp_path, range(1, 4)) == [None, None, "answer 3"]
    for path, data in before.items():  # killed before it had deleted them
        path.write_bytes(data)
    assert Answers(Store(str(tmp_path)), "lab").spent() == pytest.approx(1.5)
    assert sum(overview(Store(str(tmp_path))).payers.values()) == pytest.approx(1.5)


def test_what_is_left_of_a_line_is_always_the_same() -> None:
    line = parsed(written("k", "p", 0.25, {"model": "m"})[:-1])
    assert line and left_of(line) == left_of(line)


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    answers = Answers(Store(str(tmp_path)), "lab")
    answers.open()

    def several(start: int) -> None:
        for number in range(start, start + 25):
            answers.keep(key(number), answer(f"answer {number}"), 0.5)

    threads = [threading.Thread(target=several, args=(start,)) for start in range(0, 200, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.close()
    assert found(tmp_path, range(200)) == [f"answer {n}" for n in range(200)]


def test_a_full_disk_refuses_the_question_and_keeps_every_answer(disk: Callable[[str], Path]) -> None:
    root = disk("size=3m")
    answers = Answers(Store(str(root)), "lab")
    answers.open()
    with answers.asking(key(0), 100_000):
        (root / "ballast").write_bytes(b"x" * 1_900_000)
        with pytest.raises(BadInput, match="the disk is full"), answers.asking(key(1), 4_000_000):
            pass
        with pytest.raises(OSError, match="No space"), (root / "more").open("wb") as file:
            while True:
                file.write(b"x" * 4096)
        answers.keep(key(0), answer("x" * 99_000), 0.5)
    with pytest.raises(BadInput, match="the disk is full"):
        for number in range(2, 100):
            answers.keep(key(number), answer("x" * 99_000), 0.5)
    (root / "ballast").unlink()
    answers.keep(key(1), answer("after"), 0.5)
    answers.close()
    assert found(root, range(2)) == ["x" * 99_000, "after"]


_WRITER = """
import sys
from tests.core.store.answers.test_answers import Answers, Store, answer, key
answers = Answers(Store(sys.argv[1]), "lab")
answers.open()
for number in range(100_000):
    answers.keep(key(number), answer(f"answer {number}" + "x" * 2000), 0.5)
    print(number, flush=True)
"""


def writer(root: Path | str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(root)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )


def test_a_killed_writer_has_kept_all_that_it_said(tmp_path: Path) -> None:
    process = writer(tmp_path)
    assert process.stdout
    for _ in range(50):
        process.stdout.readline()
    process.kill()
    told = 50 + len([line for line in process.stdout.read().split("\n") if line.strip().isdigit()])
    assert None not in found(tmp_path, range(told - 1))


def test_on_an_object_store_answers_reach_other_machines(
    s3_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3_root, 101, 102)
    process = writer(s3_root)
    assert process.stdout
    for _ in range(5):
        process.stdout.readline()
    process.kill()
    process.wait()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    long = [f"answer {n}" + "x" * 2000 for n in range(5)]
    assert found(s3_root, range(5)) == long
    assert found(s3_root, range(101, 103)) == ["answer 101", "answer 102"]
    assert prune(Store(s3_root), lambda made: len(made.text) < 100) == 0
    assert found(s3_root, range(5)) == long
    assert found(s3_root, range(101, 103)) == [None, None]
    names = Store(s3_root).folder.join("answers").names()
    put(s3_root, *range(10, 14))
    assert len(Store(s3_root).folder.join("answers").names()) == len(names) + 1, "one object for a process that ended"
