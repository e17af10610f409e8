"""Templates that open the thought themselves: what a model writes behind them is judged and learnt as a whole."""

from mlpo_core.engines.protocol import Sampling
from mlpo_core.engines.transformers import TransformersEngine
from mlpo_core.experiment import EngineConfig, Leader
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.prompts import chat
from mlpo_core.prompts.budget import PromptMaker
from mlpo_core.types import Request
from tests.core.prompts.thinking import OPENING, thinking_tokenizer
from tests.core.training import small

WHOLE = "<think>\n3+1=4</think><answer>4</answer>"


def test_the_opening_is_what_the_template_ends_a_prompt_with():
    assert chat.opening(thinking_tokenizer()) == OPENING
    assert chat.opening(character_tokenizer()) == ""
    changed = character_tokenizer()
    assert chat.opening(changed) == ""
    changed.chat_template = thinking_tokenizer().chat_template
    assert chat.opening(changed) == OPENING


def test_a_thought_that_the_template_has_closed_is_none_that_it_opens():
    tokenizer = thinking_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("<think>\\n", "<think>\\n\\n</think>\\n\\n")
    assert chat.render(tokenizer, "?").endswith("</think>\n\n")
    assert chat.opening(tokenizer) == ""


def test_restoring_and_what_a_model_writes_are_inverse():
    written = WHOLE.removeprefix(OPENING)
    assert chat.restored(OPENING, written) == WHOLE and chat.continuation(OPENING, WHOLE) == written
    assert chat.restored(OPENING, WHOLE) == WHOLE  # it opens a thought itself
    assert chat.restored(OPENING, "") == ""
    assert chat.restored("", written) == written and chat.continuation("", WHOLE) == WHOLE
    assert chat.continuation(OPENING, " <think> 3</think>") == "3</think>"  # opened with other spaces
    assert chat.continuation(OPENING, "<answer>2</answer>") == "<answer>2</answer>"


def test_tokens_of_a_trace_are_counted_once():
    tokenizer = thinking_tokenizer()
    maker = PromptMaker(tokenizer, Leader(model="any"), 1)
    prompt = chat.encode(tokenizer, "3+1")
    whole = tokenizer(chat.render(tokenizer, "3+1") + WHOLE.removeprefix(OPENING), add_special_tokens=False)
    assert len(prompt) + maker.count(WHOLE) == len(whole["input_ids"])


def test_an_engine_gives_the_opening_back(tmp_path):
    tokenizer = thinking_tokenizer()
    small.small_model("qwen3", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with TransformersEngine(EngineConfig(kind="transformers"), str(tmp_path)) as engine:
        [made] = engine.generate([Request("3+1", 1)], Sampling(1.0, 1.0, 6))
    assert made.text.startswith(OPENING)
    assert made.completion_tokens <= 6
