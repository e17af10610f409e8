"""`self_team:<agent>`: the MLPO leader with K samples of one agent instead of K agents: what does variety add?"""

from mlpo_core.methods.leaders import LEADERS, Led
from mlpo_core.methods.protocol import Dialogue


def self_team(agent: str, k: int) -> Led:
    """The method for one agent; seats take different samples of it."""
    name = f"self_team:{agent}"
    return Led(name, Dialogue(LEADERS["mlpo_leader"], (agent,) * k, "leader", name, one_agent=True))
