"""Whatever stands in a model card as somebody's text stays text."""

import re

import pytest

from mlpo_core.publishing.card import fenced
from mlpo_core.publishing.texts import prompt_texts


@pytest.mark.parametrize(
    "text", ["plain", "```\n# heading", "````\n<script>", "`" * 9 + "\n[x](javascript:1)", "---\na: b"]
)
def test_a_fence_cannot_be_closed_from_within(text: str) -> None:
    first, *inside, last = fenced(text).splitlines()
    assert first == f"{last}text" and re.fullmatch("`{3,}", last)
    assert all(last not in line for line in inside) and "\n".join(inside) == text


def test_a_long_answer_is_cut_with_a_word_about_it() -> None:
    assert "(500 more characters)" in fenced("a" * 2500)


def test_the_templates_hold_what_is_filled_in() -> None:
    for compact in (False, True):
        texts = prompt_texts(compact)
        assert "{question}" in texts["leader, alone"] and "{question}" in texts["agent"]
        assert "{answer 1}" in texts["leader, with its team"] and "{answer 2}" in texts["leader, with its team"]
        assert "{own answer}" in texts["agent, in a later round"]
    assert prompt_texts(False) != prompt_texts(True)
