"""A published leader loads as others load it, and answers as it did in the benchmark."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer

from mlpo_core.chain.experiments import find
from mlpo_core.chain.run import run
from mlpo_core.chain.spec import resolve
from mlpo_core.cli import DONE, REFUSED, main
from mlpo_core.errors import BadInput
from mlpo_core.prompts import chat
from mlpo_core.publishing import leader_file
from mlpo_core.serving import Leader
from mlpo_core.store import Dataset, Store
from mlpo_core.store.files import Folder
from tests.core.serving import house
from tests.core.serving.test_leader import benchmark


def publish(made_house: house.House) -> Path:
    """The folder, made by the chain's own stage; `MLPO_EXPERIMENTS` must be the house's."""
    for asset in ("benchmark_report", "published_leader"):
        made = run(resolve(asset, find(house.NAME), made_house.store))
    assert made.ref
    return Dataset(made.ref).local_folder("leader")


@pytest.fixture(scope="module")
def published(made_house: house.House) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
        return publish(made_house)


@pytest.fixture
def copied(published: Path, tmp_path: Path) -> Path:
    """A copy that a test may change, as anybody has it who downloaded it."""
    return Path(shutil.copytree(published, tmp_path / "copied"))


def test_the_rows_are_the_files(published: Path, made_house: house.House) -> None:
    rows = {row["file"]: row["bytes"] for row in made_house.rows("published_leader")}
    assert rows == {p.name: p.stat().st_size for p in published.iterdir()}
    assert {"README.md", "leader.json", "model.safetensors", "tokenizer.json", "generation_config.json"} <= rows.keys()


def test_the_card_says_how_it_was_measured_and_what_is_unknown(published: Path) -> None:
    card = ModelCard.load(published / "README.md")
    assert card.data.license == "unknown" and "nobody has given it a" in card.text
    results = [r.metric_name for r in card.data.eval_results or []]
    assert "accuracy of mlpo_leader/team T=1, %" in results
    for part in (
        "## What does not hold",
        "### Comparisons",
        "majority_vote@3",
        "mlpo ask",
        "pretrain:qwen2",
        "| alpha |",
    ):
        assert part in card.text
    assert str(published) not in card.text and "/tmp/" not in card.text


def test_what_is_published_says_nothing_about_this_machine(published: Path, made_house: house.House) -> None:
    for path in published.glob("*.*"):
        if path.suffix in (".json", ".md", ".jinja"):
            assert str(made_house.root.parent) not in path.read_text(), path.name


def test_transformers_alone_answers_as_the_benchmark_counts(published: Path, made_house: house.House) -> None:
    tokenizer = AutoTokenizer.from_pretrained(published)
    model = AutoModelForCausalLM.from_pretrained(published)
    found = list(benchmark(made_house, "mlpo_leader/solo", 0))
    assert len(found) == 4
    for question, text in found:
        turn = [{"role": "user", "content": question}]
        ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        assert ids["input_ids"][0].tolist() == chat.encode(tokenizer, question)
        written = model.generate(**ids)[0][ids["input_ids"].shape[1] :]
        assert tokenizer.decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False) == text


def test_with_its_team_it_answers_as_in_the_benchmark(copied: Path, made_house: house.House) -> None:
    with Leader.load(copied, made_house.store) as leader:
        assert (leader.name, leader.rounds, leader.agents) == (house.NAME, 3, list(house.AGENTS))
        for question, text in benchmark(made_house, "mlpo_leader/team", 3):
            assert leader.answer(question).text == text
        assert leader.adapts
        for question, text in benchmark(made_house, "mlpo_leader/adaptive", 0):
            assert leader.answer(question, method="adaptive").text == text


@pytest.mark.slow
def test_on_s3_it_is_the_same(published: Path, made_house: house.House, s3_root: str, monkeypatch) -> None:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
    there = Folder(s3_root)
    for path in sorted(made_house.root.rglob("*")):
        name = path.relative_to(made_house.root).as_posix()
        if path.is_file() and not name.startswith(("published_leader/", "leases/")):
            there.upload(name, path)
    made = run(resolve("published_leader", find(house.NAME), Store(s3_root))).ref
    on_disk = made_house.store.pointed(house.NAME, "published_leader")
    assert made and on_disk and made.url.startswith("s3://") and made.digest == on_disk.digest
    with Leader.load(Dataset(made).local_folder("leader"), Store(s3_root)) as leader:
        question, text = next(benchmark(made_house, "mlpo_leader/team", 3))
        assert leader.answer(question).text == text


def test_elsewhere_a_team_is_named(copied: Path, made_house: house.House, tmp_path: Path, monkeypatch, capsys) -> None:
    asked = ["ask", "sum 4-1+7+2", "--leader", str(copied), "--method", "mlpo"]
    assert main([*asked, "--root", str(tmp_path / "elsewhere")]) == REFUSED
    assert "alpha of its team" in (said := capsys.readouterr().err) and "--team EXPERIMENT" in said
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
    duo = {**house.EXPERIMENT, "name": "duo"}
    (tmp_path / "duo.yaml").write_text(yaml.safe_dump(duo))
    assert main([*asked, "--root", str(made_house.root), "--team", str(tmp_path / "duo.yaml"), "--show"]) == DONE
    assert "round 0, gamma (" in capsys.readouterr().out


def test_only_a_published_leader_takes_a_team(made_house: house.House, copied: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(made_house.experiments))
    asked = ["ask", "sum 1+1", "--root", str(made_house.root), "--leader"]
    assert main([*asked, house.NAME, "--team", house.NAME]) == REFUSED
    assert "only a published leader takes another team" in capsys.readouterr().err
    assert main([*asked, str(copied), "--set", "seed=2"]) == REFUSED
    assert "whose settings are fixed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["hub:", "hub:../etc", "hub:owner", "hub:/owner/name", "hub:owner/name/more"])
def test_what_is_no_repository_is_not_asked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="OWNER/NAME"):
        Leader.load(name, Store(str(tmp_path)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"team": [{"name": "a", "where": "hub", "model": "../../etc"}]}, "no model of the Hugging Face hub"),
        ({"team": [{"name": "a", "where": "hub", "model": "$HOME/x"}]}, "no model of the Hugging Face hub"),
        ({"team": [{"name": "a", "where": "elsewhere", "model": "gpt"}]}, "--team EXPERIMENT"),
        ({"team": [{"name": "a", "where": "hub", "model": "a/b", "engine": {"base_url": "http://x"}}]}, "base_url"),
        ({"team": [{"name": "leader", "where": "root", "model": "x"}]}, "none may be called 'leader'"),
        ({"engine": {"kind": "openai"}}, "engine"),
        ({"seeds": []}, "seeds"),
        ({"experiment": "../../x"}, "name"),
        ({"format": 2}, "format"),
    ],
)
def test_a_strangers_file_reaches_nothing(change, said: str, copied: Path, made_house: house.House) -> None:
    path = copied / leader_file.NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadInput, match=said.replace("$", r"\$")):
        Leader.load(copied, made_house.store)


@pytest.mark.parametrize(
    "text", ["", "[" * 10_000, "{}", "null", "\ud800".encode("utf-8", "surrogatepass"), " " * (2 << 20)]
)
def test_a_file_that_is_none_is_refused(text: str | bytes, copied: Path, made_house: house.House) -> None:
    (copied / leader_file.NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput, match=r"leader\.json"):
        Leader.load(copied, made_house.store)


def test_code_that_comes_with_a_folder_does_not_run(copied: Path, made_house: house.House, tmp_path: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    mark = tmp_path / "ran"
    (copied / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n")
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises((BadInput, ValueError, OSError)):
        Leader.load(copied, made_house.store)
    assert not mark.exists()
