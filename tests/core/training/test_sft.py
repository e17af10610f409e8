import json

import pytest
import torch

from mlpo_core.errors import BadInput
from mlpo_core.experiment import LoRA
from mlpo_core.models.laboratory.tokenizer import character_tokenizer
from mlpo_core.prompts import chat
from mlpo_core.store import Origin
from mlpo_core.training import leader as leaders
from mlpo_core.training import sft
from tests.core.prompts.thinking import thinking_tokenizer
from tests.core.training import small


def commit(ctx):
    return ctx.writer.commit(Origin({}, {}, {}, {}), {})


def test_labels_cover_trained_segments_and_the_end_of_turn():
    tokenizer = character_tokenizer()
    end = leaders.end_of_turn(tokenizer)
    labelled = sft.label(
        tokenizer, "2+2?", [("<think>5", False), (" wait, 4</think>", True), ("<answer>4</answer>", True)], end
    )
    prompt = chat.encode(tokenizer, "2+2?")
    assert labelled.input_ids[: len(prompt)] == prompt
    assert set(labelled.labels[: len(prompt)]) == {sft.IGNORED}
    learnt = [t for t in labelled.labels if t != sft.IGNORED]
    assert tokenizer.decode(learnt) == " wait, 4</think><answer>4</answer><|end|>"
    assert (
        labelled.labels[len(prompt) : len(prompt) + 2] == [sft.IGNORED] * 2
    )  # the tag and the digit of the wrong attempt


def test_what_the_template_opens_is_learnt_neither_twice_nor_elsewhere():
    """The prompt ends in the `<think>` that the trace begins with: what follows it is what the leader will write."""
    tokenizer = thinking_tokenizer()
    segments = [("<think>\n", True), ("5", False), (" wait, 4</think>", True), ("<answer>4</answer>", True)]
    labelled = sft.label(tokenizer, "2+2?", segments, leaders.end_of_turn(tokenizer))
    whole = chat.render(tokenizer, "2+2?") + "5 wait, 4</think><answer>4</answer><|end|>"
    assert labelled.input_ids == tokenizer(whole, add_special_tokens=False)["input_ids"]
    learnt = [t for t in labelled.labels if t != sft.IGNORED]
    assert tokenizer.decode(learnt) == " wait, 4</think><answer>4</answer><|end|>"


def test_a_control_token_in_a_completion_stays_text():
    tokenizer = character_tokenizer()
    labelled = sft.label(tokenizer, "q", [("a<|end|>b", True)], leaders.end_of_turn(tokenizer))
    assert labelled.input_ids.count(tokenizer.eos_token_id) == 2  # of the prompt's turn and of the answer


@pytest.mark.parametrize("template_end", ["<|end|>", "<|user|>"])
def test_the_end_of_turn_is_what_the_template_writes_after_an_answer(template_end):
    tokenizer = character_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] + '" + template_end + "' }}{% endfor %}"
    assert leaders.end_of_turn(tokenizer) == tokenizer.convert_tokens_to_ids(template_end)


def test_the_loss_is_that_of_the_learnt_tokens(inputs):
    ctx = inputs.context("sft_leader", small.experiment(sft={"steps": 1, "batch_size": 10}))
    sft.run(ctx)
    commit(ctx)
    log = inputs.store.find("sft_leader", ctx.writer.key)
    assert log
    from mlpo_core.store import Dataset

    logged = next(r["value"] for r in Dataset(log).rows() if r["metric"] == "loss")
    loaded = leaders.load(
        str(Dataset(inputs.refs["base_models"]).local_folder("leader")), None, leaders.leader_section(ctx), LoRA()
    )
    total, count = 0.0, 0
    for number in range(10):
        segments = [(s["text"], s["train"]) for s in small.trace(number)["completion_segments"]]
        labelled = sft.label(
            loaded.tokenizer, small.trace(number)["prompt"], segments, leaders.end_of_turn(loaded.tokenizer)
        )
        with torch.no_grad():
            logps = loaded.model(torch.tensor([labelled.input_ids])).logits[0, :-1].log_softmax(-1)
        for position, label in enumerate(labelled.labels[1:]):
            if label != sft.IGNORED:
                total -= logps[position, label].item()
                count += 1
    assert logged == pytest.approx(total / count, abs=2e-4)  # the trainer rounds what it logs


def test_the_same_seed_gives_the_same_digest_and_another_gives_another(inputs, tmp_path):
    digests = []
    for root, seed in (("one", 1), ("two", 1), ("three", 2)):
        fresh = small.Inputs(tmp_path / root)
        fresh.refs = inputs.refs
        ctx = fresh.context("sft_leader", small.experiment(seed=seed))
        sft.run(ctx)
        digests.append(commit(ctx).digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_masked_attempt_is_not_learnt(inputs, tmp_path):
    ctx = inputs.context("sft_leader", small.experiment(sft={"steps": 150, "batch_size": 10, "learning_rate": 1e-2}))
    stats = sft.run(ctx)
    assert stats["headline"]["final loss"] < 0.1
    loaded = leaders.load(str(ctx.writer.scratch() / "final"), None, leaders.leader_section(ctx), LoRA())
    ids = sft.label(loaded.tokenizer, small.trace(3)["prompt"], [("<think>3+1=3", False)], 2).input_ids
    with torch.no_grad():
        logps = loaded.model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    wrong_attempt = [logps[i - 1, ids[i]].item() for i in range(len(ids) - 7, len(ids) - 1)]
    assert sum(wrong_attempt) / len(wrong_attempt) < -2.0


def test_accuracy_and_entropy_do_not_depend_on_how_a_batch_is_cut(inputs, tmp_path):
    from mlpo_core.store import Dataset

    found = []
    for micro in (8, 2):
        ctx = inputs.under(str(tmp_path / str(micro))).context(
            "sft_leader", small.experiment(sft={"steps": 2, "batch_size": 8, "micro_batch_size": micro})
        )
        sft.run(ctx)
        commit(ctx)
        ref = ctx.store.find("sft_leader", ctx.writer.key)
        assert ref
        rows = [r for r in Dataset(ref).rows() if r["metric"] in ("entropy", "mean_token_accuracy")]
        found.append({(r["metric"], r["step"]): r["value"] for r in rows})
    assert len(found[0]) == 4
    assert found[1] == pytest.approx(found[0], rel=1e-4)


def test_lora_is_merged_into_the_checkpoint(inputs):
    ctx = inputs.context("sft_leader", small.experiment(sft={"lora": {"rank": 4}}))
    sft.run(ctx)
    folder = ctx.writer.scratch() / "final"
    assert not list(folder.glob("adapter*"))
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["Qwen3ForCausalLM"]
    before = leaders.load_start(ctx, LoRA()).model.state_dict()
    after = leaders.load(str(folder), None, leaders.leader_section(ctx), LoRA()).model.state_dict()
    changed = {n.rpartition(".")[0].rpartition(".")[2] for n in before if not torch.equal(before[n], after[n])}
    assert changed == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_the_adapter_is_kept_beside_the_merged_weights(inputs, tmp_path):
    from peft import PeftModel

    from mlpo_core.store import Dataset

    digests = []
    for root in ("one", "two"):  # nothing in it depends on where it was made
        ctx = inputs.under(str(tmp_path / root)).context("sft_leader", small.experiment(sft={"lora": {"rank": 4}}))
        sft.run(ctx)
        digests.append(commit(ctx).digest)
        ref = ctx.store.find("sft_leader", ctx.writer.key)
        assert ref
        made = Dataset(ref)
        start = leaders.load_start(ctx, LoRA()).model
        merged = PeftModel.from_pretrained(start, str(made.local_folder(leaders.ADAPTER))).merge_and_unload()
        limit = leaders.leader_section(ctx)
        kept = leaders.load(str(made.local_folder(leaders.CHECKPOINT)), None, limit, LoRA()).model.state_dict()
        for name, weight in merged.state_dict().items():
            torch.testing.assert_close(weight, kept[name], rtol=0, atol=1e-6)
    assert digests[0] == digests[1]


def test_without_lora_no_adapter_is_kept(inputs):
    ctx = inputs.context("sft_leader", small.experiment(sft={"steps": 1}))
    sft.run(ctx)
    assert not (ctx.writer.scratch() / "adapter").exists()


def test_a_trace_longer_than_the_context_is_an_error_before_training(inputs):
    ctx = inputs.context("sft_leader", small.experiment(leader={"max_context": 20}))
    with pytest.raises(BadInput, match=r"trace0: .* tokens, but the leader's context is 20"):
        sft.run(ctx)
    assert not (ctx.writer.scratch() / "trainer").exists()


def test_no_traces_is_an_error(inputs, tmp_path):
    empty = small.Inputs(tmp_path / "empty")
    empty.refs = dict(inputs.refs)
    empty.add("sft_dataset", [])
    with pytest.raises(BadInput, match="no trace to learn from"):
        sft.run(empty.context("sft_leader", small.experiment()))


def test_a_loss_that_is_not_finite_stops_and_names_the_rows(inputs):
    ctx = inputs.context("sft_leader", small.experiment(sft={"learning_rate": 1e30, "steps": 20}))
    with pytest.raises(BadInput, match=r"step \d+: the (loss|gradient) is not finite; rows: trace\d"):
        sft.run(ctx)
