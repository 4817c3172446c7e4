"""What `derive` takes where nothing is said: a network that suits a family, and its training.

On long streams gradient descent can sit on a plateau for thousands of updates before it finds that
anything can be remembered at all. Short streams leave it within a second, and what was learned
there carries over. For unmarked switches the stages go on with a switch inside the window that is
differentiated, so that the gradient sees that memory must be overwritten; at random times, since
networks learn to count to a fixed one rather than to notice it. How much of the old task a network
forgets at a change is settled in these early stages and hardly mends later, so several rivals go
through them for each seed.
"""

from fixedweight.families import TaskFamily
from fixedweight.networks import (
    Hypotheses,
    LeastSquaresMemory,
    Network,
    Paired,
    Presented,
    Transformer,
)
from fixedweight.scaling import identity_scaling
from fixedweight.training.schedule import Schedule, Stage


def default_network(family: TaskFamily) -> Network:
    """The network that stands first on the leaderboard, a least-squares memory; where labels drift
    and what they followed before comes back, one that remembers it, `Hypotheses`.

    A least-squares memory has features enough for a quadratic of up to five inputs, and for a
    linear function of more; a second head where tasks switch, and where targets lie in [0, 1],
    which may be linear in features themselves or in their log-odds.
    """
    if family.recurs and family.unit_targets:
        return Hypotheses()
    n = family.input_size
    quadratic = (n + 1) * (n + 2) // 2
    features = max(8, n + 4, min(24, quadratic + 2))
    heads = 2 if family.switches or family.unit_targets else 1
    return LeastSquaresMemory(heads=heads, features=features)


def fit_network(family: TaskFamily, network: Network) -> Network:
    """The network with inputs, outputs and output units that fit the family."""
    plain = family.scaling() == identity_scaling(family.input_size, family.target_size)
    return network.fitted(
        input_size=family.network_input_size,
        target_size=family.target_size,
        output="logistic" if family.unit_targets and plain else "linear",
        delay=family.delay,
        flagged=family.flagged,
    )


def default_schedule(family: TaskFamily, network: Network | None = None) -> Schedule:
    """A course that suits a family, by the length of its tasks and whether they switch, and a
    network: those that bring targets and their inputs together need not discover how to remember,
    and take fewer updates at a lower rate."""
    while isinstance(network, Presented):
        network = network.network
    if isinstance(network, Hypotheses):
        return _for_hypotheses(family)
    if isinstance(network, Paired):
        return _for_paired(family, 0.02 if isinstance(network, Transformer) else 0.05)
    n = family.examples
    short = min(n, 20)
    if family.switches:
        return Schedule(
            (
                Stage(short, 128, 600, hazard=0.0, rivals=4),
                Stage(64, 64, 3000, hazard=1 / 32, rivals=4),
                Stage(max(n, 64), 64, 4000, hazard=min(1 / 32, 2 / n)),
                Stage(2 * n, 64, 2000, windows=4),
            ),
            learning_rate=0.05,
        )
    stages = [Stage(short, 128, 600)]
    if n > 64:
        stages += [Stage(64, 64, 1200), Stage(n, 32, 400)]
    elif n > short:
        stages.append(Stage(n, 128, 6000))
    return Schedule(tuple(stages), learning_rate=0.1)


def _for_hypotheses(family: TaskFamily) -> Schedule:
    """A short one: they begin at tasks of the family, near where they end. Streams are long enough
    for a task to come back."""
    steps = (4 if family.switches else 1) * min(family.examples, 256)
    stage = Stage(steps, 8, 160)
    return Schedule((stage,), learning_rate=0.01, optimizer="adam", warmup=20)


def _for_paired(family: TaskFamily, rate: float) -> Schedule:
    n = family.examples
    if family.switches:
        stages = [
            Stage(64, 64, 2000, hazard=1 / 32),
            Stage(max(n, 128), 32, 800, hazard=min(1 / 32, 2 / n)),
            Stage(2 * max(n, 64), 32, 400),
        ]
    else:
        stages = [Stage(min(n, 64), 64, 2000)]
        if n > 64:
            stages.append(Stage(n, 32, 300))
    return Schedule(tuple(stages), learning_rate=rate)
