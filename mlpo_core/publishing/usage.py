"""How a published leader is loaded, for its card."""

from mlpo_core.publishing.leader_file import NAME, LeaderFile

_TRANSFORMERS = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = AutoModelForCausalLM.from_pretrained("FOLDER")  # an adapter needs peft, and takes its base from the hub
turn = [{"role": "user", "content": prompt}]
ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**ids)[0][ids["input_ids"].shape[1]:], skip_special_tokens=True))
```"""


def how_to_load(described: LeaderFile, base: str) -> str:
    """The section: with its team by this project, and alone by others.

    Args:
        described: What stands beside the weights.
        base: The base model's name, where the folder holds an adapter.
    """
    served = (
        f"vllm serve {base} --enable-lora --lora-modules leader=FOLDER"
        if described.form == "adapter"
        else "vllm serve FOLDER"
    )
    reach = [m.name for m in described.team if m.where != "hub"]
    where = (
        f"\n\n{', '.join(reach)} of its team are not on the hub: outside the root in which they were made, name a team "
        "with `--team EXPERIMENT`."
        if reach
        else ""
    )
    return (
        "## How to load it\n\nWith its team, by the project that trained it (FOLDER is this folder, or "
        "`hub:OWNER/NAME`):\n\n"
        '```sh\nmlpo ask "QUESTION" --leader FOLDER --show\nmlpo serve FOLDER   # OpenAI-compatible\n```'
        f"{where}\n\nAlone, or with answers that you put into its prompt yourself (the templates stand in `{NAME}` "
        f"under `prompts`; other prompts are not what it was trained on):\n\n{_TRANSFORMERS}\n\n"
        f"```sh\n{served}\n```"
    )
