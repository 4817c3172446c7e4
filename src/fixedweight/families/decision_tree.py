"""Decision trees on the signs of inputs."""

from dataclasses import dataclass

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from fixedweight.errors import FamilyError
from fixedweight.families.family import Family, check_length


@dataclass(frozen=True)
class DecisionTree(Family):
    """A full binary tree: a node goes right where its own input is above 0, and y is its leaf's.

    Each node's input is any of them, as likely (twice on a path, too); leaves and inputs are
    standard normal (arXiv 2208.01066, section 5: 20 inputs, depth 4).

    A task is {"input": [node], "value": [leaf]}: node i has the children 2 i + 1 (left) and
    2 i + 2, and leaves are numbered from the left.

    Raises:
        FamilyError: no inputs, or a depth that is not between 1 and 10.
    """

    inputs: int = 20
    depth: int = 4
    length: int = 101
    """Examples of one task in a stream."""

    def __post_init__(self) -> None:
        check_length(self.length)
        if self.inputs < 1 or not 1 <= self.depth <= 10:
            raise FamilyError(
                "Expected at least 1 input and a depth between 1 and 10 (a tree has 2**depth "
                f"leaves), got inputs={self.inputs}, depth={self.depth}."
            )

    @property
    def name(self) -> str:
        return "decision-tree"

    @property
    def input_size(self) -> int:
        return self.inputs

    @property
    def examples(self) -> int:
        return self.length

    def draw_task(self, key: PRNGKeyArray) -> dict[str, Array]:
        node_key, leaf_key = jax.random.split(key)
        leaves = 2**self.depth
        return {
            "input": jax.random.randint(node_key, (leaves - 1,), 0, self.inputs),
            "value": jax.random.normal(leaf_key, (leaves,)),
        }

    def draw_inputs(
        self, key: PRNGKeyArray, task: dict[str, Array], length: int
    ) -> Float[Array, "time input"]:
        return jax.random.normal(key, (length, self.inputs))

    def target(self, task: dict[str, Array], x: Float[Array, " input"]) -> Float[Array, ""]:
        node = 0
        for _ in range(self.depth):
            node = 2 * node + 1 + (x[task["input"][node]] > 0.0)
        return task["value"][node - (2**self.depth - 1)]
