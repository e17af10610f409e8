"""The configuration for sharded training means what it says, by accelerate's own reading of it."""

import os

from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_multi_gpu_env

from tests.support import REPOSITORY

FILE = REPOSITORY / "infra" / "accelerate" / "fsdp.yaml"


def test_accelerate_reads_the_fsdp_configuration(monkeypatch):
    config = load_config_from_file(str(FILE))
    assert (config.distributed_type.value, config.num_processes, config.mixed_precision) == ("FSDP", 8, "bf16")
    command = ["--config_file", str(FILE), "-m", "mlpo_core", "run", "mlpo_leader", "--experiment", "paper"]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    assert arguments.use_fsdp
    before = dict(os.environ)
    environment = prepare_multi_gpu_env(arguments)
    monkeypatch.setattr(os, "environ", before | environment)
    plugin = FullyShardedDataParallelPlugin()
    assert (plugin.fsdp_version, plugin.reshard_after_forward) == (2, True)
    assert plugin.state_dict_type.name == "FULL_STATE_DICT"
    assert environment["ACCELERATE_USE_FSDP"] == "true"
