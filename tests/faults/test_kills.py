"""Six kills of the campaign, one of each kind and stage that a minute can show. The rest: `make faults`."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults import campaign, ledger
from tests.faults.kill_amid import kill_amid
from tests.faults.kill_phase import kill_phase
from tests.faults.kill_service import kill_service
from tests.faults.ledger import Kill
from tests.faults.scene import Scene
from tests.faults.team import Team
from tests.faults.verify import Damage

pytestmark = pytest.mark.slow

STAGES = ["tasks", "base_models", "agent_proposals", "hard_tasks"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def instance(scene: Scene) -> Iterator:
    with campaign.instance_in(scene.folder) as instance:
        scene.build(instance, STAGES)
        yield instance


@pytest.fixture(scope="module")
def team(scene: Scene, instance, postgres_programs) -> Iterator[Team]:
    with Team(scene) as team:
        yield team


def test_a_killed_phase_is_made_good(scene: Scene, instance) -> None:
    expect_no_damage(lambda attempt: kill_phase(scene, instance, "agent_proposals", 30 + attempt))


@pytest.mark.parametrize(("kind", "stage"), [("prune", "agent_proposals"), ("copy", "hard_tasks")])
def test_a_phase_that_is_killed_amid_something_else_is_made_good(scene: Scene, instance, kind: str, stage: str) -> None:
    expect_no_damage(lambda attempt: kill_amid(scene, instance, stage, 20 + attempt, kind))


@pytest.mark.parametrize("component", ["worker", "daemon", "postgres"])
def test_a_killed_component_is_made_good(scene: Scene, team: Team, component: str) -> None:
    expect_no_damage(lambda attempt: kill_service(scene, team, component, "hard_tasks", 1 + attempt))


def expect_no_damage(trial: Callable[[int], Kill]) -> None:
    """Try until a moment is hit before the stage has ended, as the campaign does."""
    for attempt in range(10):
        kill = trial(attempt)
        print(ledger.line(kill))
        assert kill.damage == Damage()
        if kill.killed:
            return
    pytest.fail("no attempt hit its moment")
