"""Leaders trained by RL: their reward varied, so there was something to learn from."""

from mlpo_core.checks.finding import Check, Finding, Subject

_REWARD, _SPREAD = "reward", "reward_std"


def _reward_varies(subject: Subject) -> Finding:
    values: dict[str, list[float]] = {_REWARD: [], _SPREAD: []}
    for row in subject.dataset.rows():
        if row["metric"] in values:
            values[row["metric"]].append(row["value"])
    rewards, spreads = values[_REWARD], values[_SPREAD]
    if not rewards:
        return Finding(passed=False, message="the training log has no reward")
    varies = any(s > 0 for s in spreads) if spreads else max(rewards) > min(rewards)
    message = "rewards differ inside groups" if varies else "every reward was the same: nothing was learned"
    facts: dict[str, int | float | str] = {"first": rewards[0], "last": rewards[-1], "steps logged": len(rewards)}
    return Finding(passed=varies, message=message, facts=facts)


CHECKS = (Check("reward_not_constant", "The reward differed between completions of a prompt.", False, _reward_varies),)
