"""The hit rate of vLLM's prefix cache (`test_vllm` reads it from a real engine)."""

from types import SimpleNamespace

from mlpo_core.training.prefix_cache import observe


def test_the_cached_share_of_prompt_tokens_is_reported_and_the_call_stays_as_it_was() -> None:
    def output(tokens: int, cached: int | None) -> SimpleNamespace:
        return SimpleNamespace(prompt_token_ids=[7] * tokens, num_cached_tokens=cached)

    answers = {"a": [output(30, 0), output(30, 24), output(20, None)], "b": []}
    calls: list[tuple[str, str]] = []

    def generate(prompts: str, *, sampling: str) -> list[SimpleNamespace]:
        calls.append((prompts, sampling))
        return answers[prompts]

    llm, rates = SimpleNamespace(generate=generate), []
    observe(llm, rates.append)
    assert llm.generate("a", sampling="s") is answers["a"] and llm.generate("b", sampling="t") == []
    assert rates == [24 / 80] and calls == [("a", "s"), ("b", "t")]
