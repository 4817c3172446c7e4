"""Training tasks in place of a table's own."""

from dataclasses import dataclass

from fixedweight.columns import Column
from fixedweight.families import Table, TaskFamily
from fixedweight.scaling import Scaling


@dataclass(frozen=True, eq=False)
class LikeTable(TaskFamily):
    """Tasks to train on that look like a table's; all else is the table's: its columns and how they
    become numbers, its scales, its tasks for validation and test."""

    table: Table

    @property
    def input_size(self) -> int:
        return self.table.input_size

    @property
    def examples(self) -> int:
        return self.table.examples

    @property
    def flagged(self) -> bool:
        return self.table.flagged

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.table.input_names

    @property
    def encoding(self) -> tuple[Column, ...]:
        return self.table.encoding

    @property
    def target_names(self) -> tuple[str, ...]:
        return self.table.target_names

    def scaling(self) -> Scaling:
        return self.table.scaling()

    def part(self, name: str) -> TaskFamily:
        return self if name == "train" else self.table.part(name)
