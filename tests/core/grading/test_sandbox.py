"""Programs as answers: run against tests in a locked process, out of which nothing leads."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.experiment import Grading, parse
from mlpo_core.grading import Grader, gold, jail, programs, sandbox, self_check
from mlpo_core.grading.sandbox import Program, Sandbox
from mlpo_core.types import Task, Verdict
from tests.core.tasks.test_own import lines

DOUBLE = Program("double", "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate([1]) == [1, 1]\n")
HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'from typing import List\n\n\ndef total(numbers: List[int]) -> int:\n    """ Their sum. """\n',
    "entry_point": "total",
    "canonical_solution": "    return sum(numbers)\n",
    "test": "def check(candidate):\n    assert candidate([1, 2]) == 3\n    assert candidate([]) == 0\n",
}


@pytest.fixture(scope="module")
def locked() -> Iterator[Sandbox]:
    try:
        sandbox.check()
    except BadInput as error:
        pytest.skip(str(error))
    with Sandbox() as made:
        yield made


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("def double(x): return x + x", True),
        ("from collections import Counter\nimport re, math, hashlib\ndouble = lambda x: x + x", True),
        ("def double(x):\n    print('4')\n    return x + x", True),
        ("def double(x): return 4", False),
        ("def double(x): print(4)", False),
        ("def other(x): return x + x", False),
        ("def double(x: return", False),
        ("import numpy\ndef double(x): return x + x", False),
    ],
)
def test_the_tests_say_whether_a_program_is_right(locked: Sandbox, answer: str, passed: bool):
    assert locked.run(DOUBLE, answer).passed is passed


CHEATS = {
    "exit before the tests": "import sys\nsys.exit(0)",
    "exit in the tests": "import sys\ndef double(x): sys.exit(0)",
    "leave": "import os\nos._exit(0)",
    "equal to everything": "class E:\n    def __eq__(self, o): return True\ndef double(x): return E()",
    "a number equal to everything": "class E(int):\n    def __eq__(self, o): return True\ndef double(x): return E(5)",
    "a list equal to everything": "class E(list):\n    def __eq__(self, o): return True\ndef double(x): return E()",
    "no assertions": "import builtins\nbuiltins.AssertionError = OSError\ndef double(x): return 5",
    "the tests replaced": "import sys\nfor m in list(sys.modules.values()): m.check = print\ndef double(x): 1",
    "the frames of the tests": "import sys\ndef double(x):\n    f = sys._getframe()\n    while f:\n"
    "        f.f_globals.update(check=lambda c: None, passed=True)\n        f = f.f_back\n    return 5",
    "a verdict printed": "print('[true, \"\"]')\ndef double(x): print('passed')",
    "a verdict written": "import os\nfor f in (4, 5, 6):\n  try: os.write(f, b'[true, \"\"]')\n  except OSError: pass",
    "a reply forged": 'import os\nos.write(6, b\'\\0\\0\\0\\x14["returned", {"i": 4}]\')\nos._exit(0)',
    "an exception of the tests' own": "def double(x):\n    raise type('_Gone', (BaseException,), {})",
}


@pytest.mark.parametrize("name", CHEATS)
def test_nothing_but_the_answer_passes(locked: Sandbox, name: str):
    assert locked.run(DOUBLE, CHEATS[name]).passed is False
    assert locked.run(DOUBLE, "def double(x): return x + x").passed


OUT = {
    "network": "import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)",
    "another socket": "import socket\nsocket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    "read a password": "open('/etc/passwd').read()",
    "read a store": "open('{store}').read()",
    "list": "import os\nos.listdir('/')",
    "write": "open('{store}', 'w').write('x')",
    "another descriptor": "import os\nassert any(os.read(f, 1) for f in range(7, 30))",
    "fork": "import os\nos.fork()",
    "run": "import os\nos.execv('/bin/sh', ['sh', '-c', 'true'])",
    "threads": "import _thread\n_thread.start_new_thread(print, ())",
    "kill": "import os\nos.kill(os.getppid(), 9)",
    "trace": "import ctypes\nassert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0",
    "leave the root": "import os\nos.chroot('/')",
    "another user": "import os\nos.setuid(0)",
    "memory": "bytearray(2 << 30)",
    "limits": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
}


def test_nothing_leads_out(locked: Sandbox, tmp_path: Path):
    store = tmp_path / "part.parquet"
    store.write_text("rows")
    for name, attempt in OUT.items():
        indented = attempt.format(port=9, store=store).replace("\n", "\n        ")
        caught = f"try:\n        {indented}\n    except BaseException:\n        return x + x"
        answer = f"def double(x):\n    {caught}\n    return 'out'"
        assert locked.run(DOUBLE, answer).passed, name
    assert store.read_text() == "rows"


def test_what_the_other_process_holds_is_not_in_memory(locked: Sandbox):
    secret = "a" + "_secret_of_the_tests"
    program = Program("f", f"# {secret}\nassert candidate() == 0")
    search = (
        "import gc, sys\ndef f():\n    names = [o for o in gc.get_objects() if isinstance(o, dict)]\n"
        "    wanted = 'a' + '_secret_of' + '_the_tests'\n"
        "    return sum(isinstance(v, (str, bytes)) and wanted in str(v) for d in names for v in list(d.values()))"
    )
    assert locked.run(program, search) == (True, "")


def test_bombs_end_in_time(locked: Sandbox, monkeypatch: pytest.MonkeyPatch):
    bombs = [
        "def double(x):\n    a = []\n    while True: a.append(bytearray(1 << 26))",
        "def double(x): return 'x' * (1 << 29)",
        "def double(x): return double(x)",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: break",
    ]
    for bomb in bombs:
        assert locked.run(DOUBLE, bomb).passed is False
    start = time.monotonic()
    monkeypatch.setattr(sandbox, "WALL_S", 1.0)
    assert locked.run(DOUBLE, "import os\nos.read(3, 1)\nos.read(5, 100)\nos.read(5, 100)").passed is not True
    assert time.monotonic() - start < 60
    monkeypatch.undo()
    assert locked.run(DOUBLE, "def double(x): return x + x").passed


@pytest.mark.slow
def test_an_endless_loop_is_wrong(locked: Sandbox):
    assert locked.run(DOUBLE, "while True: pass").passed is not True


def test_every_plain_value_comes_back_as_it_is(locked: Sandbox):
    values = (
        "[None, True, 10**5000, -1, 0.1, float('inf'), 'é\\ud800', b'x', (1, [2]), {3}, frozenset({4}), {(1,): {}}, 1j]"
    )
    assert locked.run(Program("f", f"assert candidate({values}) == {values}"), "def f(x): return x").passed
    assert not locked.run(Program("f", "candidate()"), "def f(): return object()").passed


def test_tests_may_expect_exceptions_but_not_the_end_of_the_answer(locked: Sandbox):
    tests = "found = None\ntry: candidate()\nexcept Exception as e: found = type(e)\nassert found is KeyError"
    assert locked.run(Program("f", tests), "def f(): raise KeyError('x')").passed
    leaves = locked.run(Program("f", tests.replace("is KeyError", "")), "import os\ndef f(): os._exit(1)")
    assert leaves.passed is False


def test_tests_that_never_call_the_answer_are_passed_by_nothing(locked: Sandbox):
    ran = locked.run(Program("f", "def helper(): pass"), "def f(): return 1")
    assert ran == (False, "the tests never call the answer")


def test_a_machine_that_cannot_be_locked_runs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(jail, "__file__", str(tmp_path / "jail.py"))
    source = Path(sys.modules[jail.__name__].__spec__.origin).read_text()  # pyright: ignore
    start, _, rest = source.partition("    if libc.prctl(_NO_NEW_PRIVS")
    assert rest
    unlocked = f"{start}    if False:{rest.partition(':')[2]}"
    for one_wall in (unlocked, source.replace("_apart(libc))", "[])")):
        (tmp_path / "jail.py").write_text(one_wall)
        sandbox.check.__wrapped__()
    (tmp_path / "jail.py").write_text(unlocked.replace("_apart(libc))", "[])"))
    with pytest.raises(BadInput, match=r"cannot lock up what models wrote.* what runs there could read a file, list"):
        sandbox.check.__wrapped__()
    (tmp_path / "jail.py").write_text("import sys\nsys.exit('nothing can be locked here')")
    with pytest.raises(BadInput, match="nothing can be locked here"):
        sandbox.check.__wrapped__()


def test_humaneval_is_read_and_graded_where_the_file_allows_it(locked: Sandbox, tmp_path: Path):
    path = lines(tmp_path / "HumanEval.jsonl", HUMANEVAL)
    raw = {
        "name": "x",
        "tasks": [{"source": str(path), "answer_kind": "tests"}],
        "team": {"agents": [{"name": "a", "model": "m"}]},
    }
    with pytest.raises(BadInput, match=r"grading: \{run_code: true\}"):
        parse(raw, "x")
    experiment = parse({**raw, "grading": {"run_code": True}}, "x")
    from mlpo_core.tasks.registry import read
    from mlpo_core.tasks.sources import sources

    [row] = read(sources(experiment)[0])
    assert (row.kind, row.question) == ("tests", HUMANEVAL["prompt"].strip())
    assert json.loads(row.answer)["setup"] == HUMANEVAL["prompt"]
    task = Task("t", "HumanEval", "", "test", row.question, (), row.answer, "tests")
    assert self_check([task], experiment.grading) == []
    whole = "def total(numbers):\n    return sum(numbers)"
    responses = [
        f"<think>Well.</think><answer>```python\n{whole}\n```</answer>",
        f"Here:\n```py\n{whole}\n```\nIt adds.",
        "    return sum(numbers)\n",
        "```python\ndef total(numbers):\n    return 3\n```",
        HUMANEVAL["prompt"],
        "I do not know.",
        None,
    ]
    with Grader(1, experiment.grading) as grader:
        verdicts = grader.grade_many([(task, response) for response in responses])
    assert [verdict.correct for verdict in verdicts] == [True, True, True, False, False, False, False]
    assert verdicts[0].extracted == whole and verdicts[-1] == Verdict(None, False, False)


def test_nothing_is_run_that_no_file_allows():
    task = Task("t", "own", "", "test", "?", (), programs.gold_of("f", "f()", "", ""), "tests")
    with Grader(1) as grader, pytest.raises(BadInput, match=r"grading: \{run_code: true\}"):
        grader.grade_many([(task, "def f(): pass")])
    assert Grading().run_code is False


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("x", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"entry_point": "f"}', "no tests"),
        ('{"entry_point": "f(", "tests": "x"}', "is no name"),
        ('{"entry_point": "f", "tests": "x", "more": "y"}', "unknown: more"),
        ('{"entry_point": "f", "tests": 3}', "are texts"),
    ],
)
def test_tests_that_cannot_be_used_are_told(answer: str, reason: str):
    assert reason in (gold.problem("tests", answer) or "")


def test_the_jail_ends_with_whoever_asked(locked: Sandbox):
    code = (
        "from mlpo_core.grading.sandbox import *\ns = Sandbox()\ns.run(Program('f', 'f()'), '')\nprint(s._process.pid)"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    until = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
