"""What the default settings come to, in minutes of training."""

import pytest

from fixedweight.evaluation import evaluate
from fixedweight.families import Boolean
from fixedweight.training import derive


@pytest.fixture(scope="module", autouse=True)
def quick_compiles():
    """Here what is compiled runs for long: compile as always."""


@pytest.mark.slow
def test_the_papers_boolean_functions_are_learned_as_well_as_can_be():
    learner = derive(Boolean())
    card = evaluate(learner, Boolean())
    assert card["ratio"]["value"] <= 1.1
    # the paper reports 10 examples to learn; chance allows no fewer than that here
    assert card["learner"]["examples_to_learn"] <= 10
    assert card["oracle"]["examples_to_learn"] <= card["learner"]["examples_to_learn"]
