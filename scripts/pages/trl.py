"""The page of fields of TRL's configurations: those that may be given, and those that are settings of this project."""

from mlpo_core.experiment import trl
from scripts.pages.markdown import table

_HEAD = """# Fields of TRL

`sft.trl` takes fields of TRL's `SFTConfig`, `mlpo.trl` and `grpo.trl` those of its `GRPOConfig`, by TRL's names, as
[Tune a training](how-to/train.md) shows. Types and defaults are those of the pinned version; what each does is in TRL's
and transformers' documentation. Where this project has a default of its own, it is said."""
_OURS = {
    "lr_scheduler_type": "`constant_with_warmup`, for SFT `linear`",
    "optim": "`adamw_torch`",
    "loss_type": "`dr_grpo`, for SFT `nll`",
    "scale_rewards": "`none`",
    "bf16": "true on a GPU that has it",
    "dataloader_pin_memory": "true on a GPU",
}


def page() -> str:
    """Both configurations."""
    out = [_HEAD]
    for config, where in (("GRPOConfig", "`mlpo.trl`, `grpo.trl`"), ("SFTConfig", "`sft.trl`")):
        given: list[list[str]] = []
        refused: list[list[str]] = []
        for name, field in trl.table()[config].items():
            if reason := trl.refusal(config, name):
                refused.append([f"`{name}`", reason])
            else:
                values = ", ".join(f"`{v}`" for v in trl.choices(config, name))
                default = _OURS.get(name) or f"`{field['default']}`"
                given.append([f"`{name}`", " or ".join(field["kinds"]), default, values])
        out += [f"## {where}", table(["field", "type", "default", "values"], given)]
        out += [f"### Not in {where}", table(["field", "why"], refused)]
    return "\n\n".join(out)
