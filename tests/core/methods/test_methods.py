"""The registry: families, refusals, and that checking an experiment loads no model library."""

import subprocess
import sys

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.methods import all_methods, check_methods, selected
from tests.mini_chain import experiment


def methods(*names, **benchmark):
    return list(selected(experiment(benchmark={"methods": list(names), **benchmark})))


def test_families_expand():
    assert methods("single") == ["single:alpha", "single:beta", "single:gamma"]
    assert methods("majority_vote") == [f"majority_vote@{n}" for n in (3, 12, 20, 40)]
    assert methods("majority_vote", votes=[5]) == ["majority_vote@5"]
    assert methods("majority_vote@7") == ["majority_vote@7"]
    assert methods("best_of_team") == ["best_of_team", "best_of_team_oracle"]
    assert methods("best_of_team_oracle") == ["best_of_team_oracle"]
    assert methods("mlpo_leader") == ["mlpo_leader/team", "mlpo_leader/solo"]
    assert methods("leaders") == [
        f"{which}_leader/{mode}" for which in ("untrained", "sft", "mlpo", "grpo") for mode in ("team", "solo")
    ]
    assert methods("self_team") == ["self_team:alpha", "self_team:beta", "self_team:gamma"]
    assert methods("leader_vote") == ["mlpo_leader/team_vote@17", "mlpo_leader/solo_vote@20"]
    assert methods("sft_leader/solo_vote@3") == ["sft_leader/solo_vote@3"]
    assert methods("first_agents") == ["first_agents:1", "first_agents:2", "first_agents:3"]
    assert methods("untrained_leader/solo", "any_correct") == ["any_correct", "untrained_leader/solo"]


def test_every_method_of_the_design_is_known():
    known = set(all_methods(experiment()))
    assert {"debate", "mixture_of_agents", "select_llm", "deferral_leader", "family_router"} <= known


@pytest.mark.parametrize("benchmark", [{"methods": ["magic"]}, {"claims": [["mlpo_leader/team", "majority"]]}])
def test_an_unknown_name_is_refused_with_the_field_and_the_names(benchmark):
    field = next(iter(benchmark))
    with pytest.raises(BadInput, match=rf"benchmark\.{field}: '(magic|majority)'.*mlpo_leader/team"):
        check_methods(experiment(benchmark=benchmark))


def test_checking_methods_loads_no_model_library():
    code = (
        "import sys; import mlpo_core.methods; "
        "print([m for m in ('torch', 'transformers', 'trl', 'vllm', 'scipy') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_a_leader_of_votes_is_compared_with_its_team_only():
    shown = {"model": "pretrain:qwen3", "information": "votes"}
    off = {"sft": {"solo_share": 0}, "mlpo": {"solo_share": 0}, "grpo": {"enabled": False}}
    check_methods(experiment(benchmark={"methods": ["mlpo_leader/team"]}, leader=shown, **off))
    with pytest.raises(BadInput, match=r"mlpo_leader/solo asks the leader alone"):
        check_methods(experiment(benchmark={"methods": ["mlpo_leader"]}, leader=shown, **off))
