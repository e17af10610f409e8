"""Predictions and report: every method answered every test task, every method is reported, and training helped."""

from collections import Counter

from mlpo_core.checks.finding import Check, Finding, Subject, some

_TRAINED, _UNTRAINED = "mlpo_leader/team", "untrained_leader/team"


def _complete(subject: Subject) -> Finding:
    test = sum(row["split"] == "test" for row in subject.inputs["tasks"].rows(["split"]))
    answered: Counter[tuple[str, int, int]] = Counter()
    ids: set[str] = set()
    rows = 0
    for row in subject.dataset.rows(["prediction_id", "method", "seed", "rounds"]):
        answered[row["method"], row["seed"], row["rounds"]] += 1
        ids.add(row["prediction_id"])
        rows += 1
    short = [f"{m} seed {s} rounds {t}: {n} of {test}" for (m, s, t), n in sorted(answered.items()) if n != test]
    message = f"not every test task is answered: {some(short)}" if short else "every method answered every test task"
    if len(ids) != rows:
        message += f"; {rows - len(ids)} predictions are there twice"
    passed = bool(answered) and not short and len(ids) == rows
    return Finding(
        passed=passed, message=message, facts={"methods": len({m for m, _, _ in answered}), "test tasks": test}
    )


def _report_complete(subject: Subject) -> Finding:
    methods = {row["method"] for row in subject.inputs["benchmark_predictions"].rows(["method"])}
    reported = {row["method"] for row in subject.dataset.rows(["method"])}
    absent = sorted(methods - reported)
    html = [name for name in subject.dataset.manifest.files if name.endswith(".html")]
    problems = [f"not in the report: {some(absent)}"] if absent else []
    problems += [] if html else ["no HTML"]
    facts: dict[str, int | float | str] = {"methods": len(methods), "files": len(subject.dataset.manifest.files)}
    return Finding(passed=not problems, message="; ".join(problems) or "every method is reported", facts=facts)


def _training_helped(subject: Subject) -> Finding:
    right: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for row in subject.inputs["benchmark_predictions"].rows(["method", "correct"]):
        if row["method"] in (_TRAINED, _UNTRAINED):
            answered[row["method"]] += 1
            right[row["method"]] += row["correct"]
    if not (answered[_TRAINED] and answered[_UNTRAINED]):
        return Finding(passed=True, message="not both leaders are compared in this experiment")
    trained, untrained = (right[m] / answered[m] for m in (_TRAINED, _UNTRAINED))
    message = f"with the team, the trained leader is right on {trained:.1%}, the untrained one on {untrained:.1%}"
    return Finding(passed=trained >= untrained, message=message, facts={_TRAINED: trained, _UNTRAINED: untrained})


PREDICTION_CHECKS = (Check("complete", "Every method answered every test task once per seed.", True, _complete),)
CHECKS = (
    Check(
        "report_complete",
        "Every method of the predictions is reported, and the HTML is there.",
        False,
        _report_complete,
    ),
    Check(
        "trained_leader_not_worse", "The MLPO leader is at least as good as the untrained one.", False, _training_helped
    ),
)
