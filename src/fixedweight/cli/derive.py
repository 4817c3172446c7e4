"""fixedweight derive"""

import dataclasses
import inspect
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TextColumn

from fixedweight.cli.console import console, print_card
from fixedweight.cli.programs import keep_programs
from fixedweight.errors import InputError, require

TRAINED = {
    "network", "cells", "block_size", "hidden", "second", "gate_sources", "supplement",
    "presentation", "spread", "gradient", "effort", "learning_rate", "seeds",
}  # fmt: skip
"""Options of networks and of their training: any of them on a table's own asks for a network."""


def derive(
    family: Annotated[
        str | None,
        typer.Argument(
            help="boolean, semilinear, quadratic, linear, sparse-linear, two-layer, "
            "decision-tree, sinusoid, gaussian-process or linear-dynamics",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[int | None, typer.Option(help="inputs of one example")] = None,
    examples: Annotated[int | None, typer.Option(help="examples of one task")] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="quadratic targets: task (usual), global or none", show_default=False),
    ] = None,
    regime: Annotated[
        str,
        typer.Option(
            help="reset: a task a stream; continuous: unmarked switches; recurring: to and fro "
            "between a few tasks"
        ),
    ] = "reset",
    switch_every: Annotated[int | None, typer.Option(help="examples between switches")] = None,
    hazard: Annotated[float | None, typer.Option(help="chance of a switch a step")] = None,
    noise: Annotated[float | None, typer.Option(help="Gaussian noise on targets, sd")] = None,
    flip: Annotated[float | None, typer.Option(help="chance that a target is flipped")] = None,
    missing: Annotated[float | None, typer.Option(help="share of targets never told")] = None,
    late: Annotated[int | None, typer.Option(help="steps by which targets come late")] = None,
    simulator: Annotated[
        str | None,
        typer.Option(
            help="your own family, or a function that simulates a task from a NumPy random "
            "generator: MODULE:NAME or FILE.py:NAME",
            show_default=False,
        ),
    ] = None,
    tasks: Annotated[
        int | None,
        typer.Option(
            help="tasks to simulate beforehand with such a function; as many as a minute allows, "
            "8192 at most",
            show_default=False,
        ),
    ] = None,
    table: Annotated[Path | None, typer.Option(help="related series, .csv or .parquet")] = None,
    task: Annotated[str | None, typer.Option(help="table column that names the task")] = None,
    target: Annotated[str | None, typer.Option(help="table column to predict")] = None,
    columns: Annotated[
        str | None, typer.Option(help="table columns to predict from, comma-separated; all others")
    ] = None,
    order: Annotated[str | None, typer.Option(help="table column that orders rows")] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="LeastSquaresMemory (the default), Hypotheses (the default for labels, 0 or 1, "
            "of recurring tasks), GatedDeltaMemory, DeltaMemory, LSTM1997 (the "
            "paper's), LSTM, GRU, SLSTM, MLSTM, Transformer, Elman, Jordan, FullyRecurrent or "
            "SelfReferential",
            show_default=False,
        ),
    ] = None,
    cells: Annotated[int | None, typer.Option(help="memory cells of LSTM1997")] = None,
    block_size: Annotated[
        int | None, typer.Option(help="cells of LSTM1997 that share gates")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="hidden units beside any cells")] = None,
    second: Annotated[int | None, typer.Option(help="second layer of LSTM1997; 0: none")] = None,
    gate_sources: Annotated[
        bool, typer.Option(help="whether gates of LSTM1997 are sources of the next step")
    ] = True,
    supplement: Annotated[
        str, typer.Option(help="what the network is told: the previous target, or its error")
    ] = "target",
    presentation: Annotated[
        str, typer.Option(help="vector: target and data at once; alternating: in turn")
    ] = "vector",
    spread: Annotated[
        str | None,
        typer.Option(
            help="say how sure it is: gaussian (and an alarm) or quantiles", show_default=False
        ),
    ] = None,
    gradient: Annotated[
        str,
        typer.Option(
            help="bptt, tbptt or tbptt:STEPS, rtrl, snap1, truncated1997, traces1997 or one_step"
        ),
    ] = "bptt",
    effort: Annotated[float, typer.Option(help="times the usual number of updates")] = 1.0,
    minutes: Annotated[
        float | None,
        typer.Option(help="the most that training may take; as long as usual", show_default=False),
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="peak of its course")] = None,
    seeds: Annotated[int, typer.Option(help="networks trained side by side; best kept")] = 4,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="of everything random")] = 0,
    out: Annotated[Path | None, typer.Option(help="learner file to write")] = None,
) -> None:
    """Derive a learner for a family of problems and judge it; Ctrl-C stops early, kept and usable.

    A --table alone is learned from by filters fitted to its tasks, few being enough; any option of
    networks or of their training derives one of those instead. With a --simulator beside it, which
    has the table's columns, a network learns the simulated tasks that look like the table's, then
    the table's own.

    Writes the learner (.safetensors), a figure (.png) beside it, and, until done, a checkpoint from
    which the same command resumes.
    """
    asked = _differing(locals())
    require("jax", "train")
    keep_programs()
    from fixedweight.cli import choose
    from fixedweight.families import Simulated, Table, read_table
    from fixedweight.relatives import Matched, derive_matched, derive_related, explained
    from fixedweight.training import default_schedule
    from fixedweight.training import derive as train

    if (family is None) == (simulator is None and table is None):
        raise InputError(
            "Expected one source of tasks: a family's name, --simulator, --table, or a table and a "
            "simulator of it. Try: fixedweight derive boolean"
        )
    if tasks is not None and simulator is None:
        raise InputError("Expected --tasks with --simulator alone.")
    mine = choose.simulator(simulator, tasks, seed) if simulator is not None else None
    if isinstance(mine, Simulated):
        console.print(f"{len(mine.tasks)} tasks simulated in {mine.seconds:.0f} s", style="dim")
    if table is not None:
        if task is None or target is None:
            raise InputError("Expected --task COLUMN and --target COLUMN with --table.")
        names = [name.strip() for name in columns.split(",")] if columns else None
        rows = read_table(table, task=task, target=target, inputs=names, order=order, seed=seed)
        base = rows if mine is None else Matched(rows, mine, seed=seed)
    elif mine is not None:
        base = mine
    else:
        base = choose.named_family(str(family), inputs, examples, scale)
    chosen = choose.under_conditions(
        base,
        regime=regime,
        switch_every=switch_every,
        hazard=hazard,
        noise=noise,
        flip=flip,
        missing=missing,
        late=late,
    )
    if isinstance(base, Matched) and chosen is not base:
        raise InputError(
            "Expected no conditions on a table beside a simulator: put them on the simulator, as "
            "in fixedweight.Noisy(simulator, sd=0.1)."
        )
    path = out or Path(f"{table.stem if table else chosen.name}.safetensors")
    fits = path.suffix == ".safetensors" and not path.is_dir()
    if not fits or not path.absolute().parent.is_dir():
        raise InputError(f"Expected --out to name a .safetensors file in a folder, got {path}.")
    if table is not None and isinstance(chosen, Table) and not asked & TRAINED:
        console.print("fitting filters to the tasks ...", style="dim")
        learner = derive_related(chosen, seed=seed, minutes=minutes)
        for line in explained(learner.card):
            console.print(line)
        _keep(learner, chosen, seed, path)
        return
    # a linear memory stores targets, told with the next inputs, and has no gradient of 1997
    plain = (supplement, presentation) == ("target", "vector")
    if network is None and (not plain or gradient.endswith("1997")):
        network = "LSTM1997"
    chosen_network = choose.presented(
        choose.network(
            chosen,
            network,
            cells=cells,
            block_size=block_size,
            hidden=hidden,
            second=second,
            gate_sources=gate_sources,
        ),
        supplement=supplement,
        presentation=presentation,
        spread=spread,
    )
    schedule = default_schedule(chosen, chosen_network)
    if learning_rate is not None:
        schedule = dataclasses.replace(schedule, learning_rate=learning_rate)
    planned = schedule.scaled(effort).updates
    checkpoint = path.with_suffix(".checkpoint")
    if checkpoint.exists():
        console.print(f"resuming from {checkpoint}", style="dim")
    try:
        with _Display(None if spread else _floor(chosen, seed)) as display:
            settings = {
                "gradient": gradient,
                "schedule": schedule,
                "effort": effort,
                "minutes": minutes,
                "seeds": seeds,
                "seed": seed,
                "checkpoint": checkpoint,
                "on_progress": display.show,
            }
            if isinstance(chosen, Matched):
                learner = derive_matched(chosen, chosen_network, **settings)
            else:
                learner = train(chosen, chosen_network, **settings)
    except KeyboardInterrupt:
        console.print("stopped before the first results: nothing to keep yet", style="yellow")
        raise typer.Exit(130) from None
    run = learner.card["derivation"]
    if first := run.get("on_simulator"):
        console.print(
            f"error on validation tasks: {first['validation_error']:.3g} after the simulator, "
            f"{run['validation_error']:.3g} after the table"
        )
    if not run["stopped_early"] and (made := (first or run)["updates"]) < planned:
        console.print(f"{made} updates of {planned}, as many as the time allows")
    if run["stopped_early"]:
        console.print(f"stopped early; the same command goes on from {checkpoint}", style="yellow")
    _keep(learner, chosen, seed, path)


def _differing(options: dict[str, Any]) -> set[str]:
    """The options of `derive` that are not as they are when nobody sets them."""
    usual = inspect.signature(derive).parameters
    return {name for name, value in options.items() if value != usual[name].default}


def _keep(learner: Any, family: Any, seed: int, path: Path) -> None:
    """Judge a learner, write it and its figure, and say how good it is."""
    from fixedweight.evaluation import evaluate
    from fixedweight.report.figure import draw

    console.print("judging it on tasks it has never seen ...", style="dim")
    evaluation = evaluate(learner, family, seed)
    learner = dataclasses.replace(learner, card={**learner.card, "evaluation": evaluation})
    learner.save(path)
    draw(learner.card, path.with_suffix(".png"))
    print_card(learner.card)
    console.print(f"\nlearner: {path}   figure: {path.with_suffix('.png')}")


def _floor(family: Any, seed: int) -> float | None:
    """The oracle's error in the unit of the training display, on a few streams; None if unknown."""
    import jax

    from fixedweight.oracles import oracle_for

    oracle = oracle_for(family)
    if oracle is None:
        return None
    part, length = family.part("validation"), min(4 * family.examples, family.stream_length)
    stream = jax.jit(lambda key: part.sample(key, 64, length))(jax.random.key(seed))
    stream = type(stream)(*(np.asarray(part) for part in stream))
    error = (oracle.predict(stream) - stream.targets)[stream.scored] ** 2
    return float(error.mean() / np.prod(family.scaling().target_scale) ** 2)


class _Display:
    """The live progress line."""

    def __init__(self, floor: float | None) -> None:
        self.floor = floor
        self.bar = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.fields[text]}"),
            console=console,
            expand=True,
        )
        self.task = self.bar.add_task("", total=None, text="compiling ...")

    def __enter__(self) -> "_Display":
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def show(self, progress: Any) -> None:
        against = f", {progress.best / self.floor:.2f} x floor" if self.floor else ""
        text = (
            f"{progress.update}/{progress.updates} updates, "
            f"{progress.steps_per_second / 1e6:.1f} M steps/s, error {progress.best:.3g}{against}, "
            f"{progress.seconds_left:.0f} s left"
        )
        self.bar.update(self.task, completed=progress.update, total=progress.updates, text=text)
