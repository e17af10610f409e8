import pytest
import torch

from mlpo_core.engines import drawing
from mlpo_core.engines.drawing import pick, uniforms

ROWS = 40_000


def shares(tokens: torch.Tensor, vocabulary: int) -> torch.Tensor:
    return torch.bincount(tokens, minlength=vocabulary) / len(tokens)


def test_a_stream_belongs_to_its_seed_and_not_to_its_length() -> None:
    assert torch.equal(uniforms([1, 2, 1], 5)[0], uniforms([1], 9)[0, :5])
    assert not torch.equal(*uniforms([1, 2], 5))


@pytest.mark.parametrize("large", [0, 1 << 30])
def test_tokens_come_as_often_as_they_are_likely(monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(drawing, "_LARGE", large)
    logits = torch.randn(200, generator=torch.Generator().manual_seed(0)) * 2
    expected = torch.softmax(logits / 0.7, -1)
    tokens = pick(logits.expand(ROWS, -1), 0.7, 1.0, uniforms([0], ROWS)[0])
    deviation = (shares(tokens, 200) - expected).abs() / (expected * (1 - expected) / ROWS).sqrt()
    assert deviation.max() < 5


def test_blocks_find_the_same_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, uniform = torch.randn(500, 1000) * 3, uniforms([3], 500)[0]
    for top_p in (1.0, 0.8, torch.full((500, 1), 0.8)):
        monkeypatch.setattr(drawing, "_LARGE", 1 << 30)
        whole = pick(logits, 1.3, top_p, uniform)
        monkeypatch.setattr(drawing, "_LARGE", 0)
        assert torch.equal(pick(logits, 1.3, top_p, uniform), whole)


@pytest.mark.parametrize("large", [0, 1 << 30])
def test_what_has_no_mass_is_never_drawn(monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(drawing, "_LARGE", large)
    logits = torch.full((4, 300), -torch.inf)
    logits[:, [70, 200]] = 0.0
    edges = torch.tensor([0.0, 0.5 - 1e-16, 0.5, 1 - 1e-16], dtype=torch.float64)
    assert pick(logits, 1.0, 1.0, edges).tolist() == [70, 70, 200, 200]


def test_the_nucleus_is_the_smallest_set_that_holds_its_mass() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(ROWS, -1)
    tokens = pick(logits, 1.0, 0.75, uniforms([0], ROWS)[0])
    assert tokens.unique().tolist() == [0, 1]
    assert shares(tokens, 4)[0] == pytest.approx(0.5 / 0.8, abs=0.01)


def test_rows_have_their_own_temperature_and_nucleus() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0]).expand(ROWS, -1)
    uniform = uniforms([0], ROWS)[0]
    temperature, top_p = torch.ones(ROWS, 1), torch.ones(ROWS, 1)
    temperature[ROWS // 2 :], top_p[ROWS // 4 : ROWS // 2] = 2.0, 0.5
    found = pick(logits, temperature, top_p, uniform)
    for part, t, p in ((slice(0, ROWS // 4), 1.0, 1.0), (slice(ROWS // 4, ROWS // 2), 1.0, 0.5)):
        assert torch.equal(found[part], pick(logits[part], t, p, uniform[part]))
    assert torch.equal(found[ROWS // 2 :], pick(logits[ROWS // 2 :], 2.0, 1.0, uniform[ROWS // 2 :]))
