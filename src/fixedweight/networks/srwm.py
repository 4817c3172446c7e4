"""The self-referential weight matrix: a network whose weights rewrite themselves, all of them.

Schmidhuber (ICANN 1993) let a network read and change its own weights through special units. The
modern form is that of Irie, Schlag, Csordas and Schmidhuber (arXiv:2202.05780, section 3): one
matrix computes outputs, and keys, queries and learning rates for its own delta rule.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fixedweight.errors import NetworkError
from fixedweight.networks.network import Network, Params, State, logistic, softmax
from fixedweight.networks.simple import affine, uniform

SHARP = 4.0
"""Times the usual initial weights: found by trial on Boolean functions."""


@dataclass(frozen=True, kw_only=True)
class SelfReferential(Network):
    """Layers of self-referential weight matrices between an encoding of the inputs and the outputs.

    Each layer's matrix is W(t) = W + S(t), W a parameter and S(0) = 0. With x the layer's input,
    f = softmax and g = logistic, its columns give an output, a key, a query and four rates:

        y, k, q, b = f(x) W(t-1)
        S(t) = S(t-1) + f(k) (x) g(b) (f(q) - f(k)) W(t-1)

    so the answer to the key moves towards the answer to the query, with a rate for each of the four
    groups of columns. The next layer receives x + y. A target comes a step after its inputs, which
    something has to keep until then: a single layer stayed on a plateau on Boolean functions. A
    peak learning rate of 0.2 suits it, twice the usual one.

    Raises:
        NetworkError: no layer or no hidden unit.
    """

    memory: ClassVar[frozenset[str]] = frozenset({"shift"})

    layers: int = 2
    hidden: int = 8
    """Rows of each layer's matrix; it has 3 hidden + 4 columns. 2 layers of 8 make 489 weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1 or self.layers < 1:
            raise NetworkError(
                "Expected at least one layer of at least one hidden unit, got "
                f"layers={self.layers}, hidden={self.hidden}."
            )

    @property
    def columns(self) -> int:
        return 3 * self.hidden + 4

    def init_params(self, rng: np.random.Generator) -> Params:
        """Encoding and matrices `SHARP` times as large as usual, the rates' columns around -1.

        The paper's variance of 1 / hidden leaves every softmax of so few units nearly flat, every
        key like every other, and training on a plateau.
        """
        n = self.hidden
        most = SHARP * (3.0 / n) ** 0.5
        return {
            **uniform(rng, "input", self.input_size, n, SHARP),
            "w_self": rng.uniform(-most, most, (self.layers, n, 3 * n)),
            "w_rates": rng.uniform(-1.0 - most, -1.0 + most, (self.layers, n, 4)),
            **uniform(rng, "output", n, self.target_size),
        }

    def init_state(self, params: Params, batch: tuple[int, ...], xp: Any) -> State:
        return {"shift": xp.zeros((*batch, self.layers * self.hidden * self.columns))}

    def step(self, params: Params, state: State, inputs: Any, xp: Any) -> tuple[State, Any]:
        shift = state["shift"]
        own = xp.concatenate([params["w_self"], params["w_rates"]], axis=-1)
        matrices = own + xp.reshape(shift, (*shift.shape[:-1], *own.shape))
        hidden, changes = affine(inputs, params, "input"), []
        for layer in range(self.layers):
            y, change = self._answer(matrices[..., layer, :, :], hidden, xp)
            hidden = hidden + y
            changes.append(change)
        shift = shift + xp.reshape(xp.stack(changes, axis=-3), shift.shape)
        return {"shift": shift}, self.squash(affine(hidden, params, "output"), xp)

    def _answer(self, w: Any, x: Any, xp: Any) -> tuple[Any, Any]:
        """(output of one matrix, what it adds to itself)."""
        n = self.hidden
        answer = _apply(softmax(x, xp), w)
        key, query = softmax(answer[..., n : 2 * n], xp), softmax(answer[..., 2 * n : 3 * n], xp)
        rates = xp.repeat(logistic(answer[..., 3 * n :], xp), np.array([n, n, n, 4]), axis=-1)
        change = rates * _apply(query - key, w)
        return answer[..., :n], key[..., :, None] * change[..., None, :]


def _apply(rows: Any, matrix: Any) -> Any:
    """[..., row] times [..., row, column]."""
    return (rows[..., None, :] @ matrix)[..., 0, :]
