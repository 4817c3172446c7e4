"""Learners for the parts' cells without training."""

import numpy as np
import pytest

from fixedweight.learner import Learner
from fixedweight.parts.part import Work
from fixedweight.scaling import identity_scaling
from fixedweight.training import fit_network


class Drawn(Work):
    """Work whose learners have random weights, five times those that training begins from."""

    def derive_seeds(self, family, network=None, *, seeds=4, **settings):
        network = fit_network(family, network)
        learners = []
        for i in range(seeds):
            params = network.init_params(np.random.default_rng(i))
            learners.append(
                Learner(
                    network=network,
                    params={name: 5.0 * value for name, value in params.items()},
                    scaling=identity_scaling(family.input_size, family.target_size),
                    delay=family.delay,
                    flagged=family.flagged,
                    card={"derivation": {"validation_error": 0.1, "weights": 7}},
                )
            )
        return learners


@pytest.fixture(scope="session")
def drawn_work(tmp_path_factory):
    return Drawn(lambda text: None, tmp_path_factory.mktemp("work") / "checkpoint")
