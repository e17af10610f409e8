"""`chat_template`: further arguments of a model's chat template, in training as in use."""

import pytest

from mlpo_core.chain.stages import STAGES
from mlpo_core.engines.protocol import Sampling
from mlpo_core.engines.transformers import TransformersEngine
from mlpo_core.errors import BadInput
from mlpo_core.experiment import EngineConfig, Leader
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.prompts import chat
from mlpo_core.prompts.budget import PromptMaker
from mlpo_core.training.grpo import Survey, _rows
from mlpo_core.training.sft import label
from mlpo_core.types import Request
from tests.core.prompts.thinking import OPENING, thinking_tokenizer
from tests.core.training import small

OFF = {"enable_thinking": False}


def choosing_tokenizer():
    """Its template closes the thought at once where it is told to, as Qwen3's does."""
    tokenizer = thinking_tokenizer()
    closed = "{% if enable_thinking is defined and not enable_thinking %}{{ '\\n</think>\\n\\n' }}{% endif %}"
    tokenizer.chat_template = tokenizer.chat_template.replace("<think>\\n' }}", "<think>\\n' }}" + closed)
    return tokenizer


def leader(**settings):
    return Leader(model="m", **settings)


def test_an_argument_reaches_the_template() -> None:
    tokenizer, template = choosing_tokenizer(), leader(chat_template=OFF).template
    assert chat.render(tokenizer, "?").endswith(OPENING)
    assert chat.render(tokenizer, "?", template=template) == chat.render(tokenizer, "?") + "\n</think>\n\n"
    assert chat.opening(tokenizer) == OPENING
    assert chat.opening(tokenizer, template) == "", "the thought is over"
    assert chat.opening(tokenizer) == OPENING, "what is remembered is so by arguments"
    with_system = chat.render(tokenizer, "?", "Be a clerk.", template)
    assert "Be a clerk." in with_system and with_system.endswith("</think>\n\n")


def test_an_argument_that_the_template_does_not_read_is_refused() -> None:
    template = leader(chat_template=OFF).template
    with pytest.raises(BadInput, match=r"chat_template\.enable_thinking: its template does not read it"):
        chat.render(character_tokenizer(), "?", template=template)
    bare = character_tokenizer()
    bare.chat_template = None
    with pytest.raises(BadInput, match="the model has no chat template"):
        chat.encode(bare, "?", template=template)


def test_the_leader_is_trained_with_what_it_is_asked_with() -> None:
    tokenizer, settings = choosing_tokenizer(), leader(chat_template=OFF)
    asked = chat.encode(tokenizer, "2+2?", template=settings.template)
    assert asked != chat.encode(tokenizer, "2+2?")
    learnt = label(tokenizer, "2+2?", [("<answer>4</answer>", True)], 0, "", settings.template)
    assert learnt.input_ids[: len(asked)] == asked
    row = dict.fromkeys(("mode", "task_id", "benchmark", "subject", "split", "question", "answer", "answer_kind"), "")
    survey = Survey()
    list(_rows([{**row, "prompt_id": "p", "prompt": "2+2?", "choices": []}], tokenizer, settings, 1000, survey, None))
    assert survey.shortest == len(asked)
    assert PromptMaker(tokenizer, settings, 1).count_prompt("2+2?") == len(asked)


def test_an_engine_takes_it_from_each_request(tmp_path) -> None:
    tokenizer = choosing_tokenizer()
    small.small_model("qwen3", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with TransformersEngine(EngineConfig(kind="transformers"), str(tmp_path)) as engine:
        thinks, answers = engine.generate(
            [Request("3+1", 1), Request("3+1", 1, "", leader(chat_template=OFF).template)], Sampling(1.0, 1.0, 6)
        )
    assert thinks.text.startswith(OPENING) and not answers.text.startswith(OPENING)
    assert answers.prompt_tokens > thinks.prompt_tokens


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tools": []}, "'tools' is no argument of a chat template that can be given here"),
        ({"enable thinking": False}, "is no argument"),
        ({"thinking_budget": float("inf")}, "must be what JSON can hold"),
    ],
)
def test_what_is_no_argument_is_refused_when_the_file_is_read(given, said) -> None:
    with pytest.raises(BadInput, match=said):
        small.experiment(leader={"chat_template": given})


def test_no_template_is_applied_here_for_an_endpoint() -> None:
    agent = {"name": "a", "model": "m", "engine": {"kind": "openai"}, "chat_template": OFF}
    with pytest.raises(BadInput, match=r"team.agents.0.chat_template: no template is applied here.*extra_body"):
        small.experiment(team={"agents": [agent]})


def test_it_is_in_the_keys_of_what_reads_it_and_only_where_it_is_given() -> None:
    def settings(asset, **given):
        agent = {"name": "a", "model": "pretrain:tiny", **given}
        return STAGES[asset].settings(small.experiment(team={"agents": [agent]}, leader=given))

    for asset in ("agent_proposals", "mlpo_dataset", "mlpo_leader", "team_rounds"):
        assert "chat_template" not in str(settings(asset)), asset
        assert "enable_thinking" in str(settings(asset, chat_template=OFF)), asset
    assert settings("base_models", chat_template=OFF) == settings("base_models")
