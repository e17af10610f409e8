import pytest

from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import trl
from scripts.trl_fields import FILE, text
from tests.core.training.small import experiment


def test_the_table_is_that_of_the_installed_trl():
    assert FILE.read_text("utf-8") == text(), "python -m scripts.trl_fields"


def test_what_is_said_of_a_field_is_said_of_one_that_there_is():
    there = trl.table()["GRPOConfig"].keys() | trl.table()["SFTConfig"].keys()
    for named in (trl._SET_HERE, trl._SET_FOR_GRPO, trl._SET_FOR_SFT, trl._REFUSED, trl._UNREAD_BY_GRPO):
        assert named.keys() - there == set()
    for config, name in trl._CHOICES:
        assert name in trl.table()[config]


@pytest.mark.parametrize(
    ("section", "given", "said"),
    [
        (
            "mlpo",
            {"epsilon_hihg": 0.3},
            "mlpo.trl: .*epsilon_hihg.*GRPOConfig has no such field; did you mean epsilon_high",
        ),
        ("sft", {"epsilon_high": 0.3}, "sft.trl: .*SFTConfig has no such field"),
        ("mlpo", {"learning_rate": 1e-5}, "learning_rate: is the setting learning_rate, beside trl"),
        ("mlpo", {"num_generations": 4}, "num_generations: is the setting group_size"),
        ("mlpo", {"max_completion_length": 4}, "is the setting leader.max_new_tokens"),
        ("grpo", {"beta": 0.1}, "grpo.trl: .*beta: is the setting beta"),
        ("sft", {"max_length": 4}, "is the setting leader.max_context"),
        ("sft", {"output_dir": "/tmp"}, "output_dir: versions, their files"),
        ("sft", {"hub_token": "x"}, "training sends nothing to a hub"),
        ("mlpo", {"label_smoothing_factor": 0.1}, "GRPO's loss does not read it"),
        ("mlpo", {"loss_type": "dpao"}, "did you mean dapo"),
        ("mlpo", {"lr_scheduler_type": "cosin"}, "did you mean cosine"),
        ("sft", {"lr_scheduler_type": "reduce_lr_on_plateau"}, "is none of its values"),
        ("mlpo", {"weight_decay": "much"}, "weight_decay: 'much' is no float"),
        ("mlpo", {"weight_decay": True}, "weight_decay: True is no float"),
        ("mlpo", {"weight_decay": "nan"}, "is no float"),
        ("mlpo", {"top_k": 1.5}, "top_k: 1.5 is no int"),
        ("mlpo", {"optim_target_modules": [1]}, "optim_target_modules"),
        ("mlpo", {"vllm_mode": "server"}, "vllm_mode: does nothing without rollouts: vllm"),
        ("mlpo", {"sync_ref_model": True}, "does nothing without a beta above 0"),
        ("mlpo", {"sapo_temperature_pos": 1.0}, "does nothing without trl.loss_type: sapo"),
        ("mlpo", {"entropy_target": 0.3}, "does nothing without trl.use_adaptive_entropy: true"),
    ],
)
def test_a_wrong_field_is_refused_when_the_file_is_read(section, given, said):
    with pytest.raises(BadInput, match=f"(?s){said}"):
        experiment(**{section: {"trl": given}})


def test_a_number_is_taken_as_trl_wants_it():
    given = {"adam_epsilon": "1e-9", "weight_decay": 1, "epsilon_high": None, "top_k": 5, "optim_target_modules": ["q"]}
    read = experiment(mlpo={"trl": given}).mlpo.trl
    assert read == {**given, "adam_epsilon": 1e-9, "weight_decay": 1.0}
    assert isinstance(read["weight_decay"], float)


def test_every_field_is_either_taken_or_explained():
    for config, fields in trl.table().items():
        for name, field in fields.items():
            default = field["default"]
            if trl.refusal(config, name):
                with pytest.raises(ValueError, match=name):
                    trl.checked(config, {name: default})
            else:
                assert trl.checked(config, {name: default}) == {name: default}, (config, name)


def test_the_baseline_has_the_fields_that_it_does_not_give():
    assert experiment(mlpo={"trl": {"loss_type": "dapo"}}).grpo.trl == {"loss_type": "dapo"}
    assert experiment(mlpo={"trl": {"loss_type": "dapo"}}, grpo={"trl": {}}).grpo.trl == {}


TRAININGS = {"sft_leader": "sft", "mlpo_leader": "mlpo", "grpo_leader": "grpo"}


@pytest.mark.parametrize("asset", TRAININGS)
def test_later_settings_are_in_a_key_only_where_they_are_given(asset):
    section = TRAININGS[asset]

    def settings(**given):
        return STAGES[asset].settings(experiment(**{section: given}))[section]

    plain = settings()
    assert "trl" not in plain
    assert "lora" not in plain
    assert plain["lora_rank"] == 0
    assert settings(lora={"rank": 8}) == {**plain, "lora_rank": 8}
    assert settings(lora={"rank": 8, "dropout": 0.1})["lora"]["dropout"] == 0.1
    assert settings(trl={"weight_decay": 0.1}) == {**plain, "trl": {"weight_decay": 0.1}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alpha": 16}, "alpha: there is no adapter without a rank"),
        ({"rank": 4, "targets": []}, "targets: name at least one layer"),
        ({"rank": 4, "dropout": 1.0}, "dropout"),
        ({"rank": 4, "rslora": True}, "unknown key"),
    ],
)
def test_a_wrong_adapter_is_refused(given, said):
    with pytest.raises(BadInput, match=said):
        experiment(mlpo={"lora": given})
    with pytest.raises(BadInput, match="lora_rank: unknown key; did you mean lora"):
        experiment(mlpo={"lora_rank": 4})


def test_an_experiment_with_and_without_them_goes_through_json():
    given = {"trl": {"loss_type": "dapo"}, "lora": {"rank": 4, "targets": ["q_proj"]}}
    for read in (experiment(), experiment(mlpo=given, leader={"seats": "shuffled"}, trackers=["wandb"])):
        assert type(read).model_validate_json(read.model_dump_json()) == read
