"""Every form in which answers are kept becomes the recorded format; what is broken or hostile is refused by name."""

import json
import zipfile
from io import BytesIO

import pytest

from mlpo_core.cli import main
from mlpo_core.errors import BadInput
from mlpo_core.tasks.importing.mmlu_pro import agent_of
from mlpo_core.tasks.importing.stream import elements
from mlpo_core.tasks.recorded import recorded_tasks
from mlpo_core.tasks.responses import responses

ASKED = {"question": "2 + 2?", "options": ["3", "4"]}


def entry(n=1, **more):
    return {
        "question_id": n,
        **ASKED,
        "answer": "B",
        "category": "maths",
        "pred": "A",
        "generated_text": "It is (B).",
        **more,
    }


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def zipped(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return path


def run(capsys, tmp_path, *arguments):
    """Exit code and what was said on stderr without the progress bar."""
    code = main(["import", *map(str, arguments), "--out", str(tmp_path / "out")])
    return code, capsys.readouterr().err.rpartition("error: ")[2]


def read(tmp_path, benchmark, *agents):
    folder = str(tmp_path / "out")
    tasks = {task.recorded_id: task.row for task in recorded_tasks(folder, benchmark)}
    return tasks, list(responses(folder, benchmark, agents))


def test_what_the_authors_of_mmlu_pro_publish(tmp_path, capsys):
    source = tmp_path / "eval_results"
    source.mkdir()
    entries = [
        entry(),
        "total",
        entry(2, question="Und ß?", generated_text=None),
        entry(3, generated_text="half \ud800"),
    ]
    zipped(source / "model_outputs_Meta-Llama-3_1-8B-Instruct_5shots.zip", **{"a.json": json.dumps(entries, indent=1)})
    other = entry(question="2+2?")
    other["model_outputs"] = other.pop("generated_text")
    (source / "model_outputs_c4ai-command-r-v01_5shots.json").write_text(json.dumps([other]))
    assert main(["import", "mmlu-pro", str(source), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "recorded:llama-3.1-8b-instruct: 3 answers" in said and "1 tasks stand there in several versions" in said
    tasks, found = read(tmp_path, "mmlu_pro", "llama-3.1-8b-instruct", "command-r-v01")
    assert set(tasks) == {"1", "2"}  # the third asks what the first does
    assert tasks["1"].choices == ("3", "4") and tasks["1"].answer == "B" and tasks["1"].subject == "maths"
    assert [(r.task_id, r.response) for r in found] == [
        ("1", "It is (B)."),
        ("2", ""),
        ("3", "half ?"),
        ("1", "It is (B)."),
    ]
    assert run(capsys, tmp_path, "mmlu-pro", source)[1].startswith(
        f"{tmp_path}/out/mmlu_pro_tasks.jsonl is there already"
    )


def test_models_have_the_names_of_the_experiments():
    assert agent_of("model_outputs_Mixtral-8x7B-Instruct-v0.1_5shots.zip") == "mixtral-8x7b-instruct-v0.1"
    assert agent_of("model_outputs_gpt-4o_5shots.json.zip") == "gpt-4o"
    with pytest.raises(BadInput, match="expected a name like"):
        agent_of("outputs.zip")


def test_lm_evaluation_harness(tmp_path, capsys):
    def row(n, filtered, **more):
        return {
            "doc_id": n,
            "doc": {**ASKED, "question": f"{n}?", "category": "law"},
            "target": 1,
            "filter": filtered,
        } | {
            "resps": [["one", "two"]],
            **more,
        }

    folder = tmp_path / "results"
    rows = [row(0, "strict"), row(1, "strict"), row(0, "flexible"), row(1, "flexible")]
    lines(folder / "org__model" / "samples_mmlu_pro_law_2024-07-01T10-00-00.123.jsonl", *rows)
    assert run(capsys, tmp_path, "lm-eval", folder, "--benchmark", "mmlu_pro")[0] == 0
    tasks, found = read(tmp_path, "mmlu_pro", "org__model")
    assert list(tasks) == ["mmlu_pro_law/0", "mmlu_pro_law/1"] and tasks["mmlu_pro_law/0"].answer == "B"
    assert [(r.task_id[-1], r.sample_index, r.response) for r in found] == [
        ("0", 0, "one"),
        ("0", 1, "two"),
        ("1", 0, "one"),
        ("1", 1, "two"),
    ]
    bad = lines(tmp_path / "m" / "samples_x.jsonl", row(0, "none"), row(1, "none", resps=[[["-1.2", "False"]]]))
    code, said = run(capsys, tmp_path / "b", "lm-eval", bad, "--benchmark", "mmlu")
    assert code == 2 and "samples_x.jsonl, line 2" in said and "only tasks that generate" in said


def sample(n, **more):
    message = {"role": "assistant", "content": [{"type": "text", "text": "so "}, {"type": "text", "text": "B"}]}
    output = {
        "choices": [{"message": message, "stop_reason": "max_tokens"}],
        "usage": {"input_tokens": 9, "output_tokens": 2},
    }
    return {"id": n, "epoch": 1, "input": f"{n}?", "choices": ["3", "4"], "target": ["B"], "output": output, **more}


@pytest.mark.parametrize("form", ["eval", "json"])
def test_logs_of_inspect(tmp_path, capsys, form):
    header = {"version": 2, "eval": {"model": "openai/gpt-x", "task": "evals/quiz"}}
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2?"}]
    samples = [sample(1), sample("two", input=chat, metadata={"subject": "law"}, error={"message": "x"})]
    path = tmp_path / f"log.{form}"
    if form == "eval":
        files = {f"samples/{i}_epoch_1.json": json.dumps(s) for i, s in enumerate(samples)}
        zipped(path, **{"header.json": json.dumps(header), "summaries.json": "[]", **files})
    else:
        path.write_text(json.dumps({**header, "samples": samples}))
    assert run(capsys, tmp_path, "inspect", path, "--benchmark", "mmlu")[0] == 0
    tasks, found = read(tmp_path, "mmlu", "gpt-x")
    assert {name: (row.question, row.subject) for name, row in tasks.items()} == {
        "quiz/1": ("1?", "quiz"),
        "quiz/two": ("2?", "law"),
    }
    first = found[0]
    assert (first.response, first.prompt_tokens, first.completion_tokens, first.finish_reason) == (
        "so B",
        9,
        2,
        "length",
    )
    assert found[1].finish_reason == "error"


def test_batches_of_openai_need_the_tasks(tmp_path, capsys):
    tasks = lines(
        tmp_path / "tasks.jsonl", {"id": "a", **ASKED, "target": "B"}, {"id": "b", "question": "?", "target": "C"}
    )
    body = {"model": "gpt-x", "choices": [{"message": {"content": "B"}, "finish_reason": "stop"}]}
    good = {
        "custom_id": "a",
        "response": {"status_code": 200, "body": {**body, "usage": {"prompt_tokens": 7}}},
        "error": None,
    }
    failed = {"custom_id": "b", "response": {"status_code": 500, "body": {}}, "error": {"code": "x"}}
    source = lines(tmp_path / "batch.jsonl", good, failed)
    code, said = run(capsys, tmp_path / "x", "openai-batch", source, "--benchmark", "mmlu")
    assert code == 2 and "batch.jsonl, line 1: task 'a' is not in the file of tasks" in said
    given = ("openai-batch", source, "--benchmark", "mmlu", "--tasks", tasks)
    code, said = run(capsys, tmp_path / "y", *given)
    assert code == 2 and "batch.jsonl, line 2" in said and "--agent" in said
    assert run(capsys, tmp_path, *given, "--agent", "gpt")[0] == 0
    found, answers = read(tmp_path, "mmlu", "gpt")
    assert set(found) == {"a", "b"}
    assert [(r.response, r.prompt_tokens, r.finish_reason) for r in answers] == [("B", 7, "stop"), ("", None, "error")]


def test_simple_lines(tmp_path, capsys):
    row = {"task_id": 1, "agent": "a", "response": "four", "question": "2 + 2?", "target": 4, "completion_tokens": 3}
    source = lines(tmp_path / "in.jsonl", row, "", {**row, "agent": "b"})
    assert run(capsys, tmp_path, "jsonl", source, "--benchmark", "math")[0] == 0
    tasks, found = read(tmp_path, "math", "a", "b")
    assert tasks["1"].answer == "4" and [r.agent for r in found] == ["a", "b"] and found[0].completion_tokens == 3
    for broken, complaint in (
        ("{", "line 2: not JSON"),
        ("[]", "line 2: malformed row: expected an object"),
        ({**row, "question": "other?"}, "line 2: task '1' is not what it was before"),
        ({**row, "task_id": None}, "line 2: malformed row: 'task_id' must be"),
        ({**row, "response": 4}, "line 2: malformed row: 'response' must be text"),
    ):
        source = lines(tmp_path / "bad.jsonl", row, broken)
        code, said = run(capsys, tmp_path / "bad", "jsonl", source, "--benchmark", "math")
        assert code == 2 and f"bad.jsonl, {complaint}" in said
        assert not list((tmp_path / "bad" / "out").iterdir())
    assert run(capsys, tmp_path, "jsonl", source)[0] == 2


def test_hostile_archives_are_refused(tmp_path, capsys):
    def refused(name, complaint, **files):
        path = zipped(tmp_path / f"model_outputs_{name}_5shots.zip", **files)
        code, said = run(capsys, tmp_path / name, "mmlu-pro", path)
        assert code == 2 and str(path) in said and complaint in said

    refused("up", "leads out of the archive", **{"../../a.json": "[]"})
    refused("root", "leads out of the archive", **{"/etc/a.json": "[]"})
    refused("two", "expected one .json file in it, found 2", **{"a.json": "[]", "b.json": "[]"})
    refused("bomb", "refused as a zip bomb", **{"a.json": "[" + " " * (80 << 20) + "]"})
    path = tmp_path / "model_outputs_cut_5shots.zip"
    path.write_bytes(zipped(tmp_path / "whole.zip", **{"a.json": json.dumps([entry()])}).read_bytes()[:-30])
    code, said = run(capsys, tmp_path / "cut", "mmlu-pro", path)
    assert code == 2 and "not readable as a zip file" in said


def test_a_list_is_read_piece_by_piece_and_faults_have_lines():
    rows = [{"n": i, "text": "x\n ß" * (i * 40_000)} for i in range(4)] + [12345, "end"]
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    found = list(elements(BytesIO(text.encode()), "f"))
    assert [value for _, value in found] == rows
    assert [where for where, _ in found] == [
        "f, line 2",
        "f, line 6",
        "f, line 10",
        "f, line 14",
        "f, line 18",
        "f, line 19",
    ]
    assert list(elements(BytesIO(b" [ ] "), "f")) == []
    for broken, complaint in (
        (b"{}", "f, line 1: malformed row: expected a list"),
        (b'[1,\n{"a": ]', "f, line 2: not JSON"),
        (b"[1\n2]", "f, line 2: malformed row: expected ',' or ']', got '2'"),
        (b"[1,\n", "f, line 2: not JSON"),
        (b'["\xff"]', "f: not UTF-8"),
    ):
        with pytest.raises(BadInput, match="^" + complaint.replace("[", r"\[").replace("]", r"\]")):
            list(elements(BytesIO(broken), "f"))
