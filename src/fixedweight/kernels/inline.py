"""Which arithmetic is done where it is read, inside the loop that needs it, rather than stored."""

from collections.abc import Sequence

import numpy as np

from fixedweight.kernels.program import CONSTANT, Map, Statement

DEEPEST = 4
"""Operations in a row; longer ones are computed once and stored."""


class Inlined:
    """Elementwise statements that a function writes out at their one reader.

    They are made of what is there when the function begins: reading that and computing again
    costs no more than storing a result and reading it.
    """

    def __init__(self, size: int) -> None:
        self.chosen: list[Map] = []
        self.of = np.full(size, -1, dtype=np.int64)
        """The statement in `chosen` that an id is a result of, or -1."""
        self.at = np.zeros(size, dtype=np.int64)
        """Which of its results."""

    def add(self, statement: Map) -> None:
        self.of[statement.out] = len(self.chosen)
        self.at[statement.out] = np.arange(len(statement.out))
        self.chosen.append(statement)

    def parts(self, ids: np.ndarray) -> tuple[Map, list[np.ndarray]] | None:
        """The operation that ids are results of, and its arguments for them, if it is inlined."""
        number = int(self.of[ids[0]])
        if number < 0:
            return None
        statement = self.chosen[number]
        return statement, [arg[self.at[ids]] for arg in statement.args]


def inlined(
    statements: Sequence[Statement], given: np.ndarray, kinds: np.ndarray, stored: np.ndarray,
    cheap: frozenset[str],
) -> tuple[list[Statement], Inlined]:  # fmt: skip
    """The statements that are computed and stored, and those that are inlined.

    Args:
        given: the place of each id that is there when the function begins, else -1.
        kinds: of ids.
        stored: whether an id must be stored.
        cheap: operations that may be inlined.
    """
    depth = np.where((given >= 0) | (kinds == CONSTANT), 0, DEEPEST + 1)
    candidates: set[int] = set()
    for i, statement in enumerate(statements):
        if isinstance(statement, Map) and statement.op in cheap and not stored[statement.out].any():
            deep = 1 + sum(int(depth[arg].max()) for arg in statement.args)
            if deep <= DEEPEST:
                depth[statement.out] = deep
                candidates.add(i)
    if not candidates:
        return list(statements), Inlined(len(kinds))
    maker = np.full(len(kinds), -1, dtype=np.int64)
    for i in candidates:
        maker[statements[i].out] = i
    readers: dict[int, list[tuple[Statement, np.ndarray]]] = {i: [] for i in candidates}
    for statement in statements:
        for arg in statement.args:
            for made in _makers(maker, arg):
                readers[made].append((statement, arg))
    candidates = {i for i in candidates if readers[i] and _once(i, readers[i], maker)}
    for i in sorted(candidates):  # what a statement reads is decided on before it
        made = {m for arg in statements[i].args for m in _makers(maker, arg)}
        if not made <= candidates:
            candidates.discard(i)
    kept = [statement for i, statement in enumerate(statements) if i not in candidates]
    found = Inlined(len(kinds))
    for i in sorted(candidates):
        statement = statements[i]
        assert isinstance(statement, Map)
        found.add(statement)
    return kept, found


def _once(i: int, readers: list[tuple[Statement, np.ndarray]], maker: np.ndarray) -> bool:
    """Whether elementwise statements read results of i, each once, and nothing else there."""
    if not all(isinstance(reader, Map) and (maker[arg] == i).all() for reader, arg in readers):
        return False
    _, counts = np.unique(np.concatenate([arg for _, arg in readers]), return_counts=True)
    return int(counts.max()) == 1


def _makers(maker: np.ndarray, arg: np.ndarray) -> set[int]:
    return set(maker[arg].reshape(-1).tolist()) - {-1}
