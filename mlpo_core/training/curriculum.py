"""`mlpo.curriculum`: the order in which the leader meets the prompts of a pass: built in, or by somebody's function.

Such a function is `key(shown) -> number | None`, called once with every training prompt. Low keys come first, equal
ones as the seed has them, and a prompt without a key stays where the seed has put it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mlpo_core.errors import BadInput
from mlpo_core.experiment.training import AS_DRAWN, HARD_LAST
from mlpo_core.plugins import ORDERS, load
from mlpo_core.tasks import task_of
from mlpo_core.types import Task

COLUMNS = ("n_correct_shown", "proposal_ids", "prompt_tokens")
"""What a prompt row must hold beside the task and the mode."""
_FIELD = "mlpo.curriculum"

Key = Callable[[Mapping[str, Any]], float | None]


class Shown(NamedTuple):
    """A prompt, as an order sees it.

    Attributes:
        task: What is asked, with its gold answer.
        mode: `team` where the prompt shows the team's answers, else `solo`.
        right: How many of the shown answers are right.
        answers: How many are shown; 0 without a team.
        tokens: Length of the prompt.
    """

    task: Task
    mode: str
    right: int
    answers: int
    tokens: int


def key_of(name: str) -> Key | None:
    """What gives a prompt row its key; None where prompts stay as they are drawn.

    Args:
        name: What `mlpo.curriculum` names.

    Raises:
        BadInput: There is no such function; or later, of a row: it fails, or gives neither a finite number nor None.
    """
    if name == AS_DRAWN:
        return None
    function: Callable[..., Any] = hard_last if name == HARD_LAST else load(name, _FIELD, ORDERS)

    def key(row: Mapping[str, Any]) -> float | None:
        found = Shown(task_of(row), row["mode"], row["n_correct_shown"], len(row["proposal_ids"]), row["prompt_tokens"])
        where = f"{_FIELD}: {name}"
        try:
            value = function(found)
        except Exception as error:
            raise BadInput(f"{where}: failed on prompt {row['prompt_id']}: {type(error).__name__}: {error}") from error
        if value is not None and not (isinstance(value, int | float) and abs(value) < math.inf):
            raise BadInput(
                f"{where}: gave {value!r:.80} for prompt {row['prompt_id']}. An order gives one finite number, or None"
            )
        return value

    return key


def hard_last(shown: Shown) -> float | None:
    """The more of the shown answers are wrong, the later. Prompts without a team are spread as they were."""
    return -shown.right if shown.mode == "team" else None


def ordered(order: Sequence[int], per_pass: int, keys: Sequence[float | None]) -> list[int]:
    """The order of a run with every pass sorted by its keys.

    What a pass holds does not change: not what is left over of it, and not the part of the last one that the run takes.

    Args:
        order: Row indices of the whole run, as `run_order` draws them.
        per_pass: How many of them are one pass over the rows.
        keys: By row.
    """
    return [row for start in range(0, len(order), per_pass) for row in _sorted(order[start : start + per_pass], keys)]


def _sorted(rows: Sequence[int], keys: Sequence[float | None]) -> Iterator[int]:
    keyed = [(key, row) for row in rows if (key := keys[row]) is not None]
    following = iter(sorted(keyed, key=lambda pair: pair[0]))
    for row in rows:
        yield row if keys[row] is None else next(following)[1]
