"""The gradient of the parameters: sums over all steps, of products or of numbers.

That of a weight matrix is a product over steps: its columns are recorded for some steps and
multiplied with rows that are read where they are, in states, inputs, tape, or else in the record.
What is no such product is added up step by step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from fixedweight.kernels.loops import table
from fixedweight.kernels.lower import NotCompiled, Outer
from fixedweight.kernels.places import Stores, offset_of, space_of
from fixedweight.kernels.program import LANE, Map, Program, joined

KEPT = ("R", "S", "N", "X", "T", "ONE")
"""Arrays in which rows are read, in the order in which the C has them; ONE holds a single 1."""
ONE = -1
"""In the place of a row's id: the row is 1 at every step, so that its sums are the columns'."""


@dataclass(frozen=True)
class Vectors:
    """What the processor computes with."""

    width: int
    """Streams to a vector."""
    registers: int = 32
    """Vectors that it holds."""
    kept: bool = True
    """Whether products can read states, inputs and tape of past steps; else all is recorded."""

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of the products whose sums are kept in registers."""
        return (2, 6) if self.registers < 32 else (4, 6)

    def padded(self, rows: int, columns: int) -> int:
        """Numbers of a product in whole tiles."""
        tall, wide = self.tile
        return _whole(rows, tall) * _whole(columns, wide)


@dataclass
class Product:
    """Sums over steps of all rows times all columns, ids of lanes."""

    rows: np.ndarray
    columns: np.ndarray
    owners: np.ndarray
    """The parameter that each is the gradient of, [rows, columns]; -1 for none."""


class Sums:
    """What a pullback adds up, and where it finds it."""

    def __init__(
        self, program: Program, vectors: Vectors, shapes: Sequence[tuple[int, ...]], d_params: Any
    ) -> None:
        """Plan each parameter's gradient.

        Args:
            shapes: of the parameters.
            d_params: by parameter, ids or products of ids; none where no gradient is asked for.

        Raises:
            NotCompiled: a gradient does not depend on the stream.
        """
        self.program, self.vectors = program, vectors
        self.products: list[Product] = []
        self.multiply_adds = 0
        """Of an example."""
        self.places: list[str] = []
        """Of the rows of all products, in whole tiles, as C."""
        self.columns: list[int] = []
        """Where in the record the columns of each product begin."""
        ids: list[np.ndarray] = []
        owners: list[np.ndarray] = []
        first = 0
        for value, shape in zip(d_params, shapes, strict=bool(d_params)):
            owner = np.arange(first, first + prod(shape))
            first += owner.size
            for a, b in value.terms if isinstance(value, Outer) else [(value, None)]:
                a = a.reshape(-1)
                b = None if b is None else b.reshape(-1)
                if b is not None and not self._product(a, b, owner):
                    a, b = program.map("mul", a, b).reshape(-1), None
                if b is None:
                    keep = ~program.is_constant(a, 0.0)
                    if (program.kind(a[keep]) != LANE).any():
                        raise NotCompiled("a gradient that does not depend on the stream")
                    ids.append(a[keep])
                    owners.append(owner[keep])
        self.direct, self.direct_owners = joined(ids), joined(owners)
        """Ids that are added up step by step, and the parameters they belong to."""
        if vectors.kept:
            for product in self.products:
                self._with_sums(product)

    @property
    def needed(self) -> np.ndarray:
        """Ids that are summed or factors of what is."""
        factors = [ids[ids != ONE] for p in self.products for ids in (p.rows, p.columns)]
        return joined([self.direct, *factors])

    def _product(self, a: np.ndarray, b: np.ndarray, owner: np.ndarray) -> bool:
        """Plan the sums over steps of a b as a product of all a with all b, if they are one."""
        program = self.program
        keep = ~(program.is_constant(a, 0.0) | program.is_constant(b, 0.0))
        a, b, owner = a[keep], b[keep], owner[keep]
        if not a.size:
            return True
        rows, row = np.unique(a, return_inverse=True)
        columns, column = np.unique(b, return_inverse=True)
        if a.size < 0.7 * rows.size * columns.size:
            return False
        self.multiply_adds += rows.size * columns.size
        if self.vectors.kept and min(rows.size, columns.size) == 1:
            return False  # to add it up takes no more stores than to record it
        numbers = self.vectors.padded(rows.size, columns.size)
        swapped = self.vectors.padded(columns.size, rows.size)
        # the larger side is mostly what units see, kept anyway, and the smaller has a bias
        if (swapped, rows.size) < (numbers, columns.size):
            rows, columns, row, column = columns, rows, column, row
        owners = np.full((rows.size, columns.size), -1)
        if len(set(zip(row.tolist(), column.tolist(), strict=True))) < a.size:
            return False
        owners[row, column] = owner
        self.products.append(Product(self._varying(rows), self._varying(columns), owners))
        return True

    def _varying(self, ids: np.ndarray) -> np.ndarray:
        """The ids with what is the same in all streams copied: a record holds lanes only."""
        program, ids = self.program, ids.copy()
        fixed = program.kind(ids) != LANE
        if fixed.any():
            copies = program.new((int(fixed.sum()),), LANE)
            program.statements.append(Map("copy", copies, (ids[fixed],)))
            ids[fixed] = copies
        return ids

    def _with_sums(self, product: Product) -> None:
        """Let a product take the plain sums of its columns, as of a bias, in its last tile of rows
        where there is room."""
        found = {i: at for at, i in reversed(list(enumerate(self.direct.tolist())))}
        at = [found.get(i, -1) for i in product.columns.tolist()]
        if product.rows.size % self.vectors.tile[0] and -1 not in at:
            product.rows = np.append(product.rows, ONE)
            product.owners = np.vstack([product.owners, self.direct_owners[at]])
            self.direct = np.delete(self.direct, at)
            self.direct_owners = np.delete(self.direct_owners, at)

    def record(self, where: np.ndarray, stores: Stores) -> int:
        """Have what products read put in the record, but for rows that are kept elsewhere.

        Args:
            where: the place of each id that is there when the pullback of a step begins, else -1.
            stores: of that pullback, added to.

        Returns:
            Numbers recorded of a step.
        """
        records = 0
        tall, wide = self.vectors.tile
        for product in self.products:
            self.columns.append(records)
            stores.add(product.columns, "R", records)
            records += _whole(product.columns.size, wide)
            places = []
            for i in product.rows.tolist():
                if i == ONE:
                    places.append(("ONE", 0))
                elif self.vectors.kept and space_of(int(where[i])) in KEPT:
                    places.append((space_of(int(where[i])), offset_of(int(where[i]))))
                else:
                    stores.add(np.array([i]), "R", records)
                    places.append(("R", records))
                    records += 1
            beyond = -product.rows.size % tall
            if self.vectors.kept:
                places += [("ONE", 0)] * beyond
            else:
                places += [("R", records + k) for k in range(beyond)]
                records += beyond
            self.places += [f"{{{KEPT.index(space)}, {offset}}}" for space, offset in places]
        return records

    def tables(self) -> list[str]:
        """C: the products as jobs, each of its rows, and the parameters of what is summed."""
        tall, wide = self.vectors.tile
        jobs: list[str] = []
        owners: list[int] = []
        row = total = 0
        for product, begin in zip(self.products, self.columns, strict=True):
            rows, columns = product.owners.shape
            jobs.append(f"{{{row}, {rows}, {begin}, {columns}, {total}, {len(owners)}}}")
            row += _whole(rows, tall)
            total += self.vectors.padded(rows, columns)
            owners += product.owners.reshape(-1).tolist()
        return [
            f"#define NJ {len(jobs)}",
            f"#define NG {total}",
            f"#define ROWS {tall}\n#define COLUMNS {wide}",
            "struct row { int array, place; };",
            f"static const struct row rows_of[] = {{{', '.join(self.places) or '{0}'}}};",
            "struct job { int row, rows, column, columns, sum, owner; };",
            f"static const struct job jobs[] = {{{', '.join(jobs) or '{0}'}}};",
            table("int", "owner_of", owners, "{}"),
            table("int", "direct_owner", self.direct_owners.tolist(), "{}"),
        ]


def _whole(count: int, tile: int) -> int:
    """A count, up to whole tiles."""
    return -(-count // tile) * tile
