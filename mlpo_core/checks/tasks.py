"""Tasks: nothing of the test split is in training, and every gold answer grades as correct."""

from mlpo_core.checks.finding import Check, Finding, Subject, some
from mlpo_core.grading import Grader, gold
from mlpo_core.tasks.rows import task_of
from mlpo_core.tasks.split import normalised


def _disjoint(subject: Subject) -> Finding:
    test_ids: set[str] = set()
    test_texts: set[str] = set()
    columns = ["task_id", "split", "question", "choices"]
    for row in subject.dataset.rows(columns):
        if row["split"] == "test":
            test_ids.add(row["task_id"])
            test_texts.add(normalised(row["question"], row["choices"]))
    leaked = [
        row["task_id"]
        for row in subject.dataset.rows(columns)
        if row["split"] != "test"
        and (row["task_id"] in test_ids or normalised(row["question"], row["choices"]) in test_texts)
    ]
    message = f"in training and in test: {some(leaked)}" if leaked else "no training or dev task is in test"
    return Finding(passed=not leaked, message=message, facts={"test tasks": len(test_ids), "leaked": len(leaked)})


def _gold_grades(subject: Subject) -> Finding:
    failed: list[str] = []
    count = 0
    with Grader(grading=subject.experiment.grading) as grader:
        for batch in subject.dataset.batches(batch_size=2048):
            tasks = [task_of(row) for row in batch.to_pylist()]
            told = [(t, right) for t in tasks if (right := gold.example(t.answer_kind, t.answer)) is not None]
            verdicts = grader.grade_many([(t, f"<answer>{right}</answer>") for t, right in told])
            failed += [t.task_id for (t, _), v in zip(told, verdicts, strict=True) if not v.correct]
            count += len(told)
    message = f"gold answer grades as wrong: {some(failed)}" if failed else "every gold answer grades as correct"
    return Finding(passed=not failed, message=message, facts={"tasks": count, "failed": len(failed)})


def _no_benchmark_empty(subject: Subject) -> Finding:
    found: dict[str, int] = {s.benchmark: 0 for s in subject.experiment.tasks}
    for row in subject.dataset.rows(["benchmark"]):
        found[row["benchmark"]] = found.get(row["benchmark"], 0) + 1
    empty = [b for b, n in found.items() if not n]
    return Finding(
        passed=not empty, message=f"no tasks: {some(empty)}" if empty else "no benchmark is empty", facts={**found}
    )


CHECKS = (
    Check("train_and_test_disjoint", "No train or dev task is in test, by id and by normalised text.", True, _disjoint),
    Check("gold_answers_grade", "The gold answer of every task grades as correct.", True, _gold_grades),
    Check("benchmarks_present", "Every benchmark of the experiment has tasks.", True, _no_benchmark_empty),
)
