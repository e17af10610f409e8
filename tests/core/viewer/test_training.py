"""The pages of a training: steps, groups, and what was written to one prompt; what a leader wrote is text there."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mlpo_core.errors import BadInput
from mlpo_core.listening import addresses
from mlpo_core.store import Store
from mlpo_core.store.rollouts import name_of
from mlpo_core.viewer.library import Library
from mlpo_core.viewer.training import Training
from tests.core.viewer import shelf

LEADER = "mlpo_leader"
STEPS = addresses.training(shelf.NAME, LEADER)


def group(step: int, number: int, leader: str = LEADER) -> str:
    return addresses.training(shelf.NAME, leader, step, f"prompt-{number}")


def found(client: TestClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def training(store: Store, leader: str = LEADER) -> Training:
    return Library(store).training(shelf.NAME, leader)


def test_a_step_is_its_groups_from_the_best_to_the_worst(shelved: Store) -> None:
    first, second = training(shelved).overview[:2]
    assert [g.prompt_id for g in first.groups] == ["prompt-0", "prompt-1"]
    assert (first.right, first.carrying, first.tokens) == (0.5, 2, 40)
    assert first.reward == pytest.approx(1.1 / 2) and first.groups[1].reward == pytest.approx(1.1 / 4)
    assert [g.carries for g in second.groups] == [False, False], "all are worth the same"


def test_a_group_has_every_completion_the_most_rewarded_first(shelved: Store) -> None:
    written = training(shelved).written(1, "prompt-1")
    assert written and written.prompt.endswith("The team says: nothing.")
    assert [r.reward for r in written.rollouts] == [1.1, 0, 0, 0]
    best = written.rollouts[0]
    assert "the leader at step 1" in best.think and best.text.startswith("<answer>")
    assert best.terms == [("correct", pytest.approx(1.0)), ("format", pytest.approx(0.1))]
    assert sum(r.advantage for r in written.rollouts) == pytest.approx(0)
    assert training(shelved).written(1, "absent") is None


def test_the_list_of_tasks_leads_down_to_a_group_and_back(client: TestClient) -> None:
    assert f'href="{addresses.training(shelf.NAME)}"' in found(client, addresses.tasks(shelf.NAME))
    assert "Training" not in found(client, addresses.tasks(shelf.OTHER)), "it has no leader of its own here"
    page = found(client, STEPS)
    assert "52 kept steps" in page and page.count("data-item") == 50 and "grpo_leader" in page
    assert f'href="{addresses.training(shelf.NAME, LEADER, 7)}"' in page and f'href="{group(7, 1)}"' in page
    [further] = re.findall(r'rel="next" href="([^"]*)"', page)
    assert found(client, further.replace("&amp;", "&")).count("data-item") == 2
    page = found(client, addresses.training(shelf.NAME, LEADER, 7))
    assert re.findall(r'rel="(?:prev|next)" href="[^"]*/(\d+)\?', page) == ["6", "8"]
    assert f'href="{group(7, 0)}"' in page and "data-item" in page
    page = found(client, group(7, 0))
    assert f'rel="next" href="{group(7, 1)}"' in page and page.count('<article class="said') == 4
    assert "advantage <b>+0.275</b>" in page and "correct 1 · format 0.1" in page
    assert "nothing" not in found(client, group(7, 1)).partition("Gold answer")[2].partition("<details")[0]
    assert "learned nothing" in found(client, group(2, 1))
    assert "2 kept steps" in found(client, addresses.training(shelf.NAME, "grpo_leader"))


def test_what_a_leader_wrote_is_text(client: TestClient) -> None:
    for path in (STEPS, addresses.training(shelf.NAME, LEADER, 1), group(1, 1)):
        answer = client.get(path)
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert not {tag.lower() for tag in re.findall(r"<([a-zA-Z]+)", answer.text)} & {"img", "style", "iframe"}
        assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/static/keys.js" defer>']
        assert "style=" not in answer.text.replace("&lt;style", "")
    assert "&lt;script&gt;window.pwned" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        addresses.training("absent"),
        addresses.training(shelf.OTHER),
        addresses.training(shelf.NAME, LEADER, 99),
        addresses.training(shelf.NAME, LEADER, 1, "absent"),
        f"/{shelf.NAME}/training/{'9' * 5000}",
        f"/{shelf.NAME}/training/x",
        f"/{'x' * 400}/training",
    ],
)
def test_what_is_not_kept_is_said(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404 and "Traceback" not in answer.text


def test_what_an_address_asks_for_in_vain_is_the_default(client: TestClient) -> None:
    assert "52 kept steps" in found(client, f"/{shelf.NAME}/training?leader=none&page=-3")
    assert found(client, f"{STEPS}&page=99").count("data-item") == 2


def test_a_damaged_file_is_named_and_stays_where_it_is(tmp_path: Path) -> None:
    store = shelf.make(tmp_path / "root", tasks=8)
    [file] = (tmp_path / "root" / LEADER).rglob(name_of(5).rpartition("/")[2])
    data = file.read_bytes()
    file.write_bytes(data[:60] + bytes(len(data) - 120) + data[-60:])
    with pytest.raises(BadInput, match=r"step-000005\.parquet is damaged"):
        list(training(store).overview)
    assert file.exists() and training(store).step(6)
