"""`mixture_of_agents`: agents revise in layers, reading all answers; the untrained leader aggregates the last layer.

After Wang et al. 2024. The layers are the rounds of `debate`, so both share their generations. With one round it is the
untrained leader with its team.
"""

from mlpo_core.methods.debate import NAME
from mlpo_core.methods.leaders import LEADERS, Led
from mlpo_core.methods.protocol import Dialogue


def mixture_of_agents(team: tuple[str, ...]) -> Led:
    """The mixture of a team. Only the last of the leader's calls counts: nobody reads the others."""
    dialogue = Dialogue(LEADERS["untrained_leader"], team, "peers", NAME)
    return Led("mixture_of_agents", dialogue, every_call=False)
