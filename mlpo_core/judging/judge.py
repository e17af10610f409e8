"""Asks a model whether answers are right, in batches; a reply without a verdict is asked for once more.

What an endpoint has said is stored as every paid answer is, so no judgement is asked for twice. No worker process of
the grader holds an engine: it is opened here, by the stage that grades, with the first answer that needs it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mlpo_core.engines import Engine, Sampling, open_engine
from mlpo_core.engines.tolerant import generate
from mlpo_core.errors import BadInput
from mlpo_core.experiment import STANDARD, EngineConfig, Judge, Prompts
from mlpo_core.grading.extract import spoken, tagged
from mlpo_core.judging.reply import said
from mlpo_core.models.references import judge_of, kind_of, local_path, weight_files
from mlpo_core.progress import log
from mlpo_core.prompts.judge import asked_again, judge_prompt
from mlpo_core.store.answers import Answers
from mlpo_core.types import Generation, Judgement, Request, Task, Verdict, stable_seed

_SHOWN = 1_000
_REMEMBERED = 10_000
_ENOUGH = 3
"""Answers without one verdict after which a judge is no judge."""
_TOO_LONG = Generation("", 0, 0, 0, "error", 0.0, "question and answer are longer than the judge's context")


class _Found(NamedTuple):
    """What came of asking: `right` is None where there is no verdict."""

    right: bool | None
    judgement: Judgement


class ModelJudge:
    """Gives verdicts on answers (see `mlpo_core.grading.pool.Judging`). Its engine is open from the first to `close`.

    Args:
        settings: Which model, and its rubric.
        prompts: The experiment's templates.
        answers: Where an endpoint's replies are kept, and looked for; None asks for all of them.
    """

    def __init__(self, settings: Judge, prompts: Prompts = STANDARD, answers: Answers | None = None) -> None:
        self._settings = settings
        self._config = settings.engine or EngineConfig()
        self._prompts = prompts
        self._answers = answers
        self._engine: Engine | None = None
        self._known: dict[str, _Found] = {}
        self._verdicts = self._failures = 0

    def verdicts(self, pairs: Sequence[tuple[Task, str | None]]) -> list[Verdict]:
        """One verdict per (task, response), in order. An answer of nothing is wrong without being asked about.

        Of equal answers in a call the first has what they cost.

        Raises:
            BadInput: It gives no verdict on anything, or as its engine says.
            Transient: Its endpoint was away.
        """
        answers = [answer_of(response or "") for _, response in pairs]
        prompts = [
            judge_prompt(task, answer, self._settings.rubric, self._prompts) if answer else ""
            for (task, _), answer in zip(pairs, answers, strict=True)
        ]
        found = self._judged(list(dict.fromkeys(filter(None, prompts))))
        told: set[str] = set()
        verdicts: list[Verdict] = []
        for prompt, answer in zip(prompts, answers, strict=True):
            if not prompt:
                verdicts.append(Verdict(None, False))
                continue
            right, judgement = found[prompt]
            shared = judgement if prompt not in told else Judgement(judgement.reason, judgement.failure)
            told.add(prompt)
            verdicts.append(Verdict(answer[:_SHOWN], right is True, right is None, shared))
        return verdicts

    def close(self) -> None:
        """Free the engine; the next answer starts it again."""
        engine, self._engine = self._engine, None
        if engine:
            engine.close()

    def _judged(self, prompts: Sequence[str]) -> Mapping[str, _Found]:
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        found = {prompt: self._known[prompt] for prompt in prompts if prompt in self._known}
        new = [prompt for prompt in prompts if prompt not in found]
        replies = {prompt: [reply] for prompt, reply in zip(new, self._ask(new), strict=True)}
        unread = [prompt for prompt in new if said(replies[prompt][0]).right is None]
        for prompt, reply in zip(unread, self._ask([asked_again(prompt) for prompt in unread]), strict=True):
            replies[prompt].append(reply)
        for prompt in new:
            found[prompt] = self._known[prompt] = self._found(replies[prompt])
        self._count([found[prompt] for prompt in new])
        return found

    def _found(self, replies: Sequence[Generation]) -> _Found:
        right, reason = said(replies[-1])
        read = sum(reply.prompt_tokens for reply in replies)
        written = sum(reply.completion_tokens for reply in replies)
        price = self._config.price
        cost = (len(replies), read, written, price.dollars(read, written) if price else 0.0)
        return _Found(right, Judgement("" if right is None else reason, reason if right is None else "", *cost))

    def _count(self, found: Sequence[_Found]) -> None:
        """Tell of answers without a verdict, and refuse a judge that gives none."""
        failed = [one.judgement.failure for one in found if one.right is None]
        self._verdicts += len(found) - len(failed)
        self._failures += len(failed)
        if not failed:
            return
        if self._failures >= _ENOUGH and not self._verdicts:
            raise BadInput(
                f"grading.judge: {self._settings.model} gave no verdict on any of {self._failures} answers, each asked "
                f"twice: {failed[-1]}. Take a model that follows instructions, raise grading.judge.max_new_tokens, or "
                "mend the template prompts.judge"
            )
        log(f"the judge gave no verdict on {len(failed)} of {len(found)} answers, which count as wrong: {failed[0]}")

    def _ask(self, prompts: Sequence[str]) -> list[Generation]:
        if not prompts:
            return []
        engine, limit = self._opened(), self._settings.max_new_tokens
        fits = [
            engine.max_context is None or engine.count_tokens(prompt) + limit <= engine.max_context
            for prompt in prompts
        ]
        requests = [
            Request(prompt, stable_seed("judge", prompt)) for prompt, fit in zip(prompts, fits, strict=True) if fit
        ]
        sampling = Sampling(self._settings.temperature, 1.0, limit)
        made, errors = generate(engine, requests, sampling) if requests else ([], {})
        told = iter(one._replace(error=errors.get(place, one.error)) for place, one in enumerate(made))
        return [next(told) if fit else _TOO_LONG for fit in fits]

    def _opened(self) -> Engine:
        if self._engine is None:
            reference = judge_of(self._settings)
            here = kind_of(reference) == "folder"
            if here:
                weight_files(local_path(reference.model), reference.field)
            self._engine = open_engine(
                self._config,
                local_path(reference.model) if here else reference.model,
                revision=None if here else reference.revision,
                answers=self._answers,
            )
        return self._engine


def answer_of(response: str) -> str:
    """What of a response is judged: its last `<answer>`, or all that it says outside of its thinking."""
    said_aloud = spoken(response)
    return (tagged(said_aloud) or said_aloud).strip()
