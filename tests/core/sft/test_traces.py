"""A trace contains what it was made of, in order, and anything else is refused."""

from mlpo_core.sft import traces
from mlpo_core.sft.traces import Attempt, Chosen, Draft, Segment, Trace
from mlpo_core.tasks import task_of
from mlpo_core.types import Verdict
from tests.mini_chain import task

TASK = task_of(task(7))
RIGHT = Verdict("7", True)


def draft(name: str, text: str, extracted: str | None, correct: bool, finished: bool = True) -> Draft:
    return Draft(name, text, extracted, correct, finished)


WRONG = draft("w", "<think>3 and 5 make 8</think><answer>8</answer>", "8", False)
GOOD = draft("r", "<think>3 and 4 make 7</think><answer>7</answer>", "7", True)


def test_a_mixed_prompt_becomes_a_backtracking_trace_with_the_wrong_attempt_masked():
    chosen = traces.choose([GOOD, WRONG], backtrack=True)
    assert isinstance(chosen, Chosen)
    trace = traces.assemble(chosen, traces.template(TASK, chosen.wrong), mask_wrong=True)
    assert trace.completion == (
        "<think>3 and 5 make 8\nWait, that is not right. Let me check it again.\n"
        "3 and 4 make 7</think><answer>7</answer>"
    )
    assert [(s.text, s.train) for s in trace.segments[:2]] == [("<think>", True), ("3 and 5 make 8", False)]
    assert trace.draft_ids == ("w", "r")
    assert traces.verify(trace, chosen, RIGHT, mask_wrong=True) is None


def test_the_wrong_answer_is_said_where_the_attempt_leaves_it_out():
    chosen = traces.choose([GOOD, draft("w", "<think>I guess</think><answer>8</answer>", "8", False)], True)
    assert isinstance(chosen, Chosen) and chosen.wrong
    assert (
        "I guess\nThat gives 8.\nWait" in traces.assemble(chosen, traces.template(TASK, chosen.wrong), True).completion
    )


def test_only_all_right_or_the_share_gives_clean_traces():
    for drafts, backtrack in (([GOOD, GOOD], True), ([GOOD, WRONG], False)):
        chosen = traces.choose(drafts, backtrack)
        assert isinstance(chosen, Chosen) and chosen.wrong is None
        trace = traces.assemble(chosen, "", True)
        assert trace == Trace("clean", (Segment(GOOD.text, True),), ("r",))
        assert traces.verify(trace, chosen, RIGHT, True) is None


def test_prompts_without_material_say_why():
    cut = draft("c", "<think>3 and 5", None, False, finished=False)
    bare = draft("b", "<answer>7</answer>", "7", True)
    assert traces.choose([WRONG, WRONG], True) == "no sample is right"
    assert traces.choose([WRONG, bare], True) == "no right sample has reasoning and an answer"
    assert traces.choose([GOOD, cut], True) == "no wrong sample has reasoning and an answer"
    same = draft("s", "<think>3 and 4 make 7</think><answer>8</answer>", "8", False)
    assert traces.choose([GOOD, same], True) == "wrong and right samples reason alike"


def test_prose_without_tags_is_put_into_the_format():
    prose = draft("p", "Three and four make seven. The answer is 7.", "7", True)
    taken = traces.attempt(prose)
    assert taken is not None and taken.reasoning == prose.text
    trace = traces.assemble(Chosen(None, taken), "", True)
    assert trace.completion == f"<think>\n{prose.text}\n</think>\n<answer>7</answer>"


def test_a_thought_that_the_template_opened_gets_its_tag_back():
    written = draft("t", "3 and 4 make 7</think><answer>7</answer>", "7", True)
    taken = traces.attempt(written)
    assert taken is not None and taken.reasoning == "3 and 4 make 7"
    trace = traces.assemble(Chosen(None, taken), "", True)
    assert trace.completion == f"<think>\n{written.text}"
    assert traces.verify(trace, Chosen(None, taken), RIGHT, True) is None


def test_nested_tags_are_not_taken_apart():
    assert traces.attempt(draft("n", "<think>a<think>b</think><answer>7</answer>", "7", True)) is None
    assert traces.attempt(draft("n", "<think>a</think><answer>8</answer><answer>7</answer>", "7", True)) is None


def test_verification_refuses_every_broken_trace():
    wrong, right = traces.attempt(WRONG), traces.attempt(GOOD)
    assert wrong and right
    chosen = Chosen(wrong, right)
    good = traces.assemble(chosen, "\nwait ", True)
    assert traces.verify(good, chosen, RIGHT, True) is None
    assert traces.verify(good, chosen, Verdict("8", False), True) == "it does not end in the right answer"
    unmasked = traces.assemble(chosen, "\nwait ", False)
    assert traces.verify(unmasked, chosen, RIGHT, True) == "the wrong attempt is not masked"
    swapped = traces.assemble(
        Chosen(right._replace(closing=wrong.closing), wrong._replace(closing=right.closing)), "\n", True
    )
    assert traces.verify(swapped, chosen, RIGHT, True) == "the wrong attempt does not stand before the right one"
    tagged = traces.assemble(chosen, "<answer>7</answer>", True)
    assert traces.verify(tagged, chosen, RIGHT, True) == "it does not parse as one thought and one answer"
    other = Chosen(None, Attempt("x", "<think>", "something else", right.closing, "7"))
    assert (
        traces.verify(traces.assemble(Chosen(None, right), "", True), other, RIGHT, True)
        == "the right attempt is missing"
    )


def test_a_written_connector_is_used_only_when_it_is_plain():
    assert traces.written(" Wait, no. ") == "\nWait, no.\n"
    assert traces.written("") is None
    assert traces.written("<answer>7</answer>") is None
    assert traces.written("so " * 200) is None
    assert traces.written("<think>\nhm</think>\nWait, no.") == "\nWait, no.\n"
    assert traces.written("<think>\nhm") is None
