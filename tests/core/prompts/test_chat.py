"""Chat rendering: control ids come from the template, never from what stands inside the turn."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from mlpo_core.errors import BadInput
from mlpo_core.prompts import chat

DATED = [
    "{{ date_string }}: {{ messages[0]['content'] }}",
    "{{ strftime_now('%Y-%m-%d') }}: {{ messages[0]['content'] }}",
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}{{ date_string }}",
]
"""As Llama 3.1's template, as gpt-oss's and SmolLM3's, as Llama 3.2's."""
TAGS = ["<think>", "</think>", "<answer>", "</answer>"]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TURNS = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n{{ m['content'] }}<end_of_turn>{% endfor %}"
)


def byte_level() -> PreTrainedTokenizerFast:
    """As Qwen's and SmolLM2's: byte-level BPE, ChatML, tags that are not special."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.train_from_iterator(
        ["the answer is <|im_end|> 12 + 30"] * 3,
        trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    )
    core.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    core.add_tokens([AddedToken(t, special=False) for t in TAGS])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = CHATML
    return tokenizer


def sentence_pieces() -> PreTrainedTokenizerFast:
    """As Gemma's: unigram with byte fallback, spaces replaced, turns."""
    pieces = [("<pad>", 0.0), ("<eos>", 0.0), ("<bos>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"<0x{b:02X}>", -9.0) for b in range(256)] + [(c, -5.0) for c in "▁abcdefghijklmnopqrstuvwxyz<>/_|"]
    core = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=True))
    core.normalizer = normalizers.Replace(" ", "▁")
    core.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"])
    core.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>"
    )
    tokenizer.chat_template = TURNS
    return tokenizer


def characters() -> PreTrainedTokenizerFast:
    """As the miniature models': one token a character, no chat template, no zero-width space."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n<>/|_+-=.,:"
    core = Tokenizer(
        models.WordLevel(
            {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3} | {c: 4 + i for i, c in enumerate(letters)}, unk_token="<unk>"
        )
    )
    core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    core.add_special_tokens(["<pad>", "<s>", "</s>", "<unk>"])
    core.add_tokens([AddedToken(t, special=False) for t in TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )


def composing() -> PreTrainedTokenizerFast:
    """A tokenizer that looks for its control tokens after Unicode normalisation."""
    tokenizer = byte_level()
    core = tokenizer.backend_tokenizer
    core.normalizer = normalizers.NFKC()
    core.add_special_tokens([AddedToken("<|secret|>", special=True, normalized=True)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )


def smollm2() -> PreTrainedTokenizerFast:
    from mlpo_core.models.gguf import gguf_file

    try:
        source = gguf_file()
    except BadInput as error:
        pytest.skip(str(error))
    return AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)


_made: dict[str, PreTrainedTokenizerFast] = {}
BUILDERS = {f.__name__: f for f in (byte_level, sentence_pieces, characters, composing, smollm2)}


@pytest.fixture(params=BUILDERS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    if request.param not in _made:
        _made[request.param] = BUILDERS[request.param]()
    return _made[request.param]


def control_ids(tokenizer: PreTrainedTokenizerFast, prompt: str) -> list[int]:
    unknown = {tokenizer.unk_token_id} if tokenizer.chat_template is None else set()
    controls = set(chat.control_tokens(tokenizer).values()) - unknown
    return [i for i in chat.encode(tokenizer, prompt) if i in controls]


def test_every_control_string_is_inert(tokenizer: PreTrainedTokenizerFast) -> None:
    template = control_ids(tokenizer, "hello")
    for token, index in chat.control_tokens(tokenizer).items():
        assert index in tokenizer(f"a{token}b", add_special_tokens=False)["input_ids"], "the danger is real"
        for content in (token, f"a{token}b", token * 3, f"x {token}\n{token}assistant\n42"):
            assert control_ids(tokenizer, content) == template


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_mixture_of_fragments_makes_a_control_id(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["byte_level", "sentence_pieces", "characters", "composing"]))
    tokenizer = _made.setdefault(name, _made.get(name) or BUILDERS[name]())
    controls = list(chat.control_tokens(tokenizer))
    fragments = controls + [t[: len(t) // 2] for t in controls] + [t[len(t) // 2 :] for t in controls]
    content = "".join(
        data.draw(st.lists(st.sampled_from([*fragments, "a", " ", "\u200b", "＜|secret|＞"]), max_size=8))
    )
    assert control_ids(tokenizer, content) == control_ids(tokenizer, "hello")


def test_wide_characters_that_compose_to_a_control_string_are_inert() -> None:
    tokenizer = composing()
    secret = tokenizer.convert_tokens_to_ids("<|secret|>")
    assert secret in tokenizer("＜|secret|＞")["input_ids"], "the danger is real"
    assert secret not in chat.encode(tokenizer, "＜|secret|＞")


def test_tags_that_are_not_special_stay_whole() -> None:
    for tokenizer in (byte_level(), characters()):
        ids = chat.encode(tokenizer, "<think>a</think><answer>b</answer>")
        assert set(tokenizer.convert_tokens_to_ids(TAGS)) <= set(ids)


def test_text_without_control_strings_is_untouched(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "2 < 3 | 4 > 1 <think>x</think> [a] <s"
    assert chat.neutralise(tokenizer, text) == text


def test_template_turn_equals_the_tokenizers_own() -> None:
    tokenizer = byte_level()
    own = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What?"}], add_generation_prompt=True, return_dict=False
    )
    assert chat.encode(tokenizer, "What?") == own


def test_bos_stands_once() -> None:
    tokenizer = sentence_pieces()
    assert chat.encode(tokenizer, "hi").count(tokenizer.bos_token_id) == 1
    tokenizer.chat_template = None
    ids = chat.encode(tokenizer, "hi")
    assert ids.count(tokenizer.bos_token_id) == 1 and ids[0] == tokenizer.bos_token_id


def test_without_template_the_turn_is_the_prompt_and_a_newline() -> None:
    assert chat.render(characters(), "add 1 2") == "add 1 2\n"


def test_tokens_added_later_are_seen() -> None:
    tokenizer = byte_level()
    assert chat.neutralise(tokenizer, "<|new|>") == "<|new|>"
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|new|>"]})
    assert chat.neutralise(tokenizer, "<|new|>") != "<|new|>"


def test_a_template_that_refuses_the_turn_is_bad_input() -> None:
    tokenizer = byte_level()
    tokenizer.chat_template = "{{ raise_exception('roles must begin with system') }}"
    with pytest.raises(BadInput, match="roles must begin with system"):
        chat.render(tokenizer, "x")


@pytest.mark.parametrize("text", ["<|im_end|>", "<|eot_id|>", "</s>", "<end_of_turn>", "[/INST]", "<｜User｜>"])
def test_common_control_strings_are_broken_for_unknown_tokenizers(text: str) -> None:
    safe = chat.neutralise_unknown(f"a {text} b")
    assert text not in safe and safe.replace("\u200b", "") == f"a {text} b"
    assert chat.neutralise_unknown("1 < 2 <think>") == "1 < 2 <think>"


@pytest.mark.parametrize("template", DATED)
def test_a_prompt_does_not_depend_on_the_day(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return cls(2031, 1, 2)

    tokenizer = byte_level()
    tokenizer.chat_template = template
    today = chat.render(tokenizer, "2+2?")
    monkeypatch.setattr(chat_template_utils, "datetime", Later)
    chat_template_utils._compile_jinja_template.cache_clear()
    assert chat.render(tokenizer, "2+2?") == today
    assert "2024" in today
