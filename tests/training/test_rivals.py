"""Rivals: several networks for a seed in the early stages, the best of which go on."""

import numpy as np
import pytest

from fixedweight.errors import InputError
from fixedweight.training import Schedule, Stage

pytestmark = pytest.mark.usefixtures("small_chunks")

STAGES = (Stage(3, 4, 4), Stage(4, 4, 4))
RIVALS = Schedule((Stage(3, 4, 4, rivals=3), Stage(4, 4, 4)), learning_rate=0.1)


def interrupt(progress):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def all_six(tiny, run_module, quick_compiles):
    """Six networks that all go through both stages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "MOST_CHUNK_DRAWS", tiny.chunk_draws)
        return tiny.derive(schedule=Schedule(STAGES, learning_rate=0.1), seeds=6)


def test_the_best_of_each_seed_goes_on_as_it_would_have_alone(tiny, all_six):
    history = np.array(all_six[0].card["derivation"]["history"], dtype=float)
    after_first = history[history[:, 0] <= 4, 2:].min(axis=0).reshape(2, 3)
    learners = tiny.derive(schedule=RIVALS)
    assert len(learners) == 2
    for seed, learner in enumerate(learners):
        best = 3 * seed + int(after_first[seed].argmin())
        for name, value in all_six[best].params.items():
            np.testing.assert_allclose(learner.params[name], value, rtol=1e-5, atol=1e-6)
        assert learner.card["derivation"]["kept_seed"] == seed
    for row in learners[0].card["derivation"]["history"]:
        assert len(row) == 2 + 2


def test_a_run_with_rivals_resumes(tiny, assert_same_run, tmp_path):
    whole = tiny.derive(schedule=RIVALS)
    path = tmp_path / "run.checkpoint"
    for _ in range(4):  # chunks of two updates
        stopped = tiny.derive(schedule=RIVALS, checkpoint=path, on_progress=interrupt)
        assert len(stopped) == 2
    assert_same_run(tiny.derive(schedule=RIVALS, checkpoint=path), whole)


def test_each_network_has_its_learning_rate(tiny):
    both = tiny.derive(schedule=Schedule(STAGES, learning_rate=(0.1, 0.02)))
    for i, rate in enumerate((0.1, 0.02)):
        alone = tiny.derive(schedule=Schedule(STAGES, learning_rate=rate))[i]
        for name, value in alone.params.items():
            np.testing.assert_allclose(both[i].params[name], value, rtol=1e-4, atol=1e-6)
    assert not np.allclose(
        tiny.derive(schedule=Schedule(STAGES, learning_rate=0.1))[1].params["w"],
        both[1].params["w"],
        atol=1e-3,
    )


@pytest.mark.parametrize("rivals", [(1, 2), (2, 2), (3, 4, 1)])
def test_rivals_become_fewer_and_end_alone(rivals):
    with pytest.raises(InputError, match="ever fewer rivals and one at last"):
        Schedule(tuple(Stage(3, 4, 4, rivals=count) for count in rivals))


def test_no_learning_rate_is_refused():
    with pytest.raises(InputError, match="learning rate"):
        Schedule(STAGES, learning_rate=())
