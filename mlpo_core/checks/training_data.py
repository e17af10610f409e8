"""Training data: every trace ends in the right answer, and every prompt leaves room for the completion."""

from mlpo_core.checks.finding import Check, Finding, Subject, some
from mlpo_core.grading import Grader
from mlpo_core.tasks.rows import read_tasks


def _traces_verified(subject: Subject) -> Finding:
    tasks = read_tasks(subject.inputs["tasks"], ("train",))
    broken: list[str] = []
    count = 0
    with Grader(grading=subject.experiment.grading) as grader:
        for batch in subject.dataset.batches(batch_size=2048):
            rows = batch.to_pylist()
            count += len(rows)
            broken += [
                r["trace_id"] for r in rows if "".join(s["text"] for s in r["completion_segments"]) != r["completion"]
            ]
            # A replayed document teaches no task, so it has no answer to verify.
            traces = [r for r in rows if r["kind"] != "replay"]
            broken += [r["trace_id"] for r in traces if r["task_id"] not in tasks]
            # What a judge said is kept beside the traces: a check asks no model.
            judged = [r for r in traces if r["task_id"] in tasks and tasks[r["task_id"]].answer_kind != "judge"]
            verdicts = grader.grade_many([(tasks[r["task_id"]], r["completion"]) for r in judged])
            broken += [r["trace_id"] for r, v in zip(judged, verdicts, strict=True) if not v.correct]
    message = f"not verified: {some(broken)}" if broken else "every trace ends in the right answer"
    return Finding(passed=not broken, message=message, facts={"traces": count, "broken": len(broken)})


def _traces_fit(subject: Subject) -> Finding:
    return _fits(subject, "tokens", 0)


def _prompts_fit(subject: Subject) -> Finding:
    leader = subject.experiment.leader
    return _fits(subject, "prompt_tokens", leader.max_new_tokens if leader else 0)


def _fits(subject: Subject, column: str, room: int) -> Finding:
    longest = max((row[column] for row in subject.dataset.rows([column])), default=0)
    context = subject.experiment.leader.max_context if subject.experiment.leader else 0
    fits = longest + room <= context
    message = f"longest {longest} tokens plus {room} to write, of leader.max_context {context}"
    if not fits:
        message += ": raise leader.max_context or set leader.information to answers or tail"
    return Finding(passed=fits, message=message, facts={"longest": longest, "context": context})


TRACE_CHECKS = (
    Check("traces_verified", "Every trace parses and ends in the right answer.", True, _traces_verified),
    Check("traces_fit", "Prompt and completion of every trace fit the leader's context.", True, _traces_fit),
)
PROMPT_CHECKS = (
    Check("prompts_fit", "Every leader prompt leaves room for the completion in the context.", True, _prompts_fit),
)
