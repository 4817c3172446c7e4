"""The command line: derive a learner, run it on a table, show what it is, write it in another
language; bring back the paper, hold networks against the best possible."""

import typer

from fixedweight.cli.derive import derive
from fixedweight.cli.export import export
from fixedweight.cli.leaderboard import leaderboard
from fixedweight.cli.reproduce import reproduce
from fixedweight.cli.run import run
from fixedweight.cli.show import show

app = typer.Typer(
    help="Derive learning algorithms: name a family of problems, get an online estimator.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(derive)
app.command()(run)
app.command()(show)
app.command()(export)
app.command()(reproduce)
app.command()(leaderboard)

__all__ = ["app"]
