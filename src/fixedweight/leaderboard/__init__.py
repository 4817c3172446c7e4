"""`fixedweight leaderboard`: every network on every family, against the best possible learner."""

from fixedweight.leaderboard.board import NETWORKS, part
from fixedweight.leaderboard.families import FAMILIES, VERSION
from fixedweight.leaderboard.shown import board, changes

__all__ = ["FAMILIES", "NETWORKS", "VERSION", "board", "changes", "part"]
