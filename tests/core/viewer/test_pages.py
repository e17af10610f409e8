"""The pages: filters, search, comparisons, and that nothing a model wrote is markup."""

import html
import re

import pytest
from starlette.testclient import TestClient

from mlpo_core.errors import BadInput
from mlpo_core.listening import addresses
from mlpo_core.listening.keys import VARIABLE
from mlpo_core.store import Store
from mlpo_core.viewer.app import Viewer
from mlpo_core.viewer.guard import Guard
from mlpo_core.viewer.library import Library
from tests.core.viewer import shelf

TASKS = addresses.tasks(shelf.NAME)
HERE = "http://127.0.0.1"


def listed(client: TestClient, **query: str) -> list[int]:
    """The numbers of the tasks in a list, and that the heading counts them."""
    answer = client.get(TASKS, params=query)
    assert answer.status_code == 200, answer.text
    numbers = [int(found, 16) for found in re.findall(rf'href="{TASKS}/([0-9a-f]{{20}})', answer.text)]
    [count] = re.findall(r'class="count">([\d,]+) task', answer.text)
    assert int(count) >= len(numbers)
    return numbers


def test_the_list_is_filtered_by_everything_that_it_offers(client: TestClient) -> None:
    assert len(listed(client)) == 50 and listed(client, page="2") == list(range(50, 64))
    assert listed(client, page="99") == list(range(50, 64)), "a page beyond the last is the last"
    assert listed(client, outcome="synthesis") == list(range(3, 64, 8))
    assert listed(client, benchmark="mmlu", subject="law") == [n for n in range(64) if n % 2 and n % 3 == 1]
    assert listed(client, way=f"{shelf.SOLO}", outcome="lost") == [n for n in range(64) if n % 8 in (0, 4)]
    assert listed(client, q="WHAT IS 12 PLUS") == [12]
    assert listed(client, q=shelf.task_id(9)) == [9]
    assert listed(client, q="leader in round 1") == []
    assert len(listed(client, q="LEADER in round 1", where="written")) == 50
    assert listed(client, q="<img src=x", where="written") == [shelf.HOSTILE]
    assert listed(client, q=".*", where="written") == [], "a text is no pattern"


def test_two_ways_and_two_experiments_stand_side_by_side(client: TestClient) -> None:
    right = [n for n in range(64) if n % 8 < 4]
    assert listed(client, vs=shelf.SOLO, differ="first") == right
    assert listed(client, of=shelf.OTHER, differ="second") == [n for n in range(64) if n % 8 > 3 and n % 3 == 0]
    page = client.get(f"{TASKS}/{shelf.task_id(2)}", params={"of": shelf.OTHER}).text
    assert page.count('class="column"') == 2
    assert f"<h2>{html.escape(shelf.OTHER)}: {shelf.TEAM} T=2</h2>" in page


def test_a_task_leads_to_its_neighbours_in_the_list_that_was_asked_for(client: TestClient) -> None:
    page = client.get(f"{TASKS}/{shelf.task_id(11)}", params={"outcome": "synthesis"}).text
    assert "Task 2 of 8" in page
    neighbours = re.findall(r'rel="(prev|next)" href="[^"]*/([0-9a-f]{20})\?([^"]*)"', page)
    assert [(rel, int(task, 16)) for rel, task, _ in neighbours] == [("prev", 3), ("next", 19)]
    assert all("outcome=synthesis" in query for *_, query in neighbours)


def test_model_output_is_text(client: TestClient) -> None:
    address = f"{TASKS}/{shelf.task_id(shelf.HOSTILE)}"
    for page in (client.get(address), client.get(TASKS), client.get(address, params={"q": shelf.HARM, "way": "<b>"})):
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        tags = {tag.lower() for tag in re.findall(r"<([a-zA-Z]+)", page.text)}
        assert not tags & {"img", "style", "iframe", "object"}
        assert re.findall(r"<script[^>]*>", page.text) == ['<script src="/static/keys.js" defer>']
        assert not re.search("[\x00-\x08\x0b\x1b\u202a-\u202e]", page.text), "control characters are written out"
    assert "&lt;script&gt;window.pwned" in client.get(address).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/absent/tasks", 404),
        ("/absent", 404),
        (f"{TASKS}/absent", 404),
        (f"{TASKS}/..%2f..%2fsecret", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e%2fapp.py", 404),
        (f"/{'x' * 400}/tasks", 404),
        (f"/{shelf.NAME}/report", 404),
        (f"{TASKS}?way=none&seed=x&page=-5&outcome=none&differ=none&vs=none", 200),
        (f"{TASKS}?seed={'9' * 5000}", 200),
        (f"/{shelf.NAME}", 307),
    ],
)
def test_what_cannot_be_shown_is_said(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == status
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "Traceback" not in answer.text


def test_it_can_only_be_read(client: TestClient) -> None:
    assert {client.request(method, TASKS).status_code for method in ("POST", "PUT", "DELETE", "PATCH")} == {405}


def test_a_page_elsewhere_cannot_read_under_a_name_of_its_own(client: TestClient) -> None:
    assert client.get(TASKS, headers={"Host": "evil.example"}).status_code == 403
    assert client.get(TASKS, headers={"Host": "localhost:3090"}).status_code == 200


def test_off_loopback_it_wants_a_key(shelved: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(BadInput, match=VARIABLE):
        Guard("0.0.0.0")
    monkeypatch.setenv(VARIABLE, "a-long-random-key")
    with TestClient(Viewer(Library(shelved), Guard("0.0.0.0")).app, base_url="http://box.example") as client:
        for path in ("/", TASKS, "/static/keys.js"):
            refused = client.get(path)
            assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Basic ")
        assert client.get(TASKS, auth=("anyone", "a-wrong-random-key")).status_code == 401
        assert client.get(TASKS, headers={"Authorization": "Basic !"}).status_code == 401
        assert client.get(TASKS, auth=("anyone", "a-long-random-key")).status_code == 200
        assert client.get(TASKS, headers={"Authorization": "Bearer a-long-random-key"}).status_code == 200


def test_every_experiment_is_listed_and_opens(client: TestClient) -> None:
    page = client.get("/").text
    for name in (shelf.NAME, shelf.OTHER):
        assert f'href="{addresses.tasks(name)}"' in page
        assert client.get(addresses.tasks(name)).status_code == 200


def test_below_a_path_of_a_proxy_every_link_has_it(shelved: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(addresses.VARIABLE, "https://lab.example/view/")
    app = Viewer(Library(shelved), Guard("127.0.0.1")).app
    with TestClient(app, base_url="https://lab.example") as client:
        for path in ("/view/", f"/view{TASKS}", f"/view{TASKS}/{shelf.task_id(5)}", TASKS):
            page = client.get(path)
            assert page.status_code == 200
            links = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
            assert links and all(link.startswith("/view/") for link in links)
        assert client.get("/view/static/style.css").status_code == 200
        assert client.get(f"/view/{shelf.NAME}", follow_redirects=False).headers["location"] == f"/view{TASKS}"
