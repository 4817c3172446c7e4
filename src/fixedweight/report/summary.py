"""A learner's card in words and plain text."""

from typing import Any

PAPER = {
    ("boolean", None): {"mse": 0.0058, "cycles": 10, "examples": 256},
    ("semilinear", None): {"mse": 0.0008, "examples": 64},
    ("quadratic", "task"): {"mse": 0.00068, "cycles": 30, "examples": 1000},
}
"""By family and scale: Table 1 and section 4 of Younger, Hochreiter and Conwell, IJCNN 2001. Its
state was not reset between mappings. The pairing of the semi-linear rows with their errors is
uncertain in print."""

PRESENTED = {
    "PreviousError": "told its previous error",
    "Alternating": "shown targets and data in turn",
    "Gaussian": "predicting normal distributions",
    "Quantiles": "predicting quantiles",
}
"""By class, what makes a network of the network within it."""


def headline(card: dict[str, Any]) -> str:
    """One line: what was learned, in which regime, with what, for how long."""
    family, run = card["family"], card["derivation"]
    network = run["network"]
    seconds = f"{run['seconds']:.0f} s" + (", stopped early" if run["stopped_early"] else "")
    regime = card.get("evaluation", {}).get("regime", "not evaluated")
    return (
        f"{family['family']} ({regime}), {describe_network(network)}, {run['weights']} weights, "
        f"{run['seeds']} seeds, {run['updates']} updates, {seconds}"
    )


def describe_network(network: dict[str, Any]) -> str:
    if form := PRESENTED.get(network["class"]):
        return f"{describe_network(network['network'])}, {form}"
    if network["class"] != "LSTM1997":
        general = ("class", "input_size", "target_size", "output")
        own = [f"{k}={v}" for k, v in network.items() if k not in general]
        return network["class"] + (f" ({', '.join(own)})" if own else "")
    cells = network["blocks"] * network["block_size"]
    second = f" and {network['second']} in a second layer" if network["second"] else ""
    return f"LSTM of 1997 with {cells} cells + {network['hidden']} standard units{second}"


def conditions(family: dict[str, Any]) -> list[str]:
    """The family's own settings and the conditions it is under, as `name value` texts."""
    own = [f"{k}={v}" for k, v in family.items() if isinstance(v, (int, float, str))]
    under = [
        " ".join(
            [entry["condition"], *(f"{k}={v}" for k, v in entry.items() if k != "condition" and v)]
        )
        for entry in family.get("under", [])
    ]
    return own + under


def error_rows(card: dict[str, Any]) -> list[list[str]]:
    """The table of the summary: a row a predictor, its first row the column names."""
    evaluation = card["evaluation"]
    learner, oracle = evaluation["learner"], evaluation["oracle"]
    rows = [["", "error a step, 95 %", "after 10", "after 30", "learned in"]]
    rows.append(["this learner", *_figures(learner)])
    if oracle:
        rows.append([f"oracle ({oracle['kind']})", *_figures(oracle)])
    if paper := _paper(card["family"]):
        cycles = str(paper.get("cycles", "-"))
        label = f"paper, {paper['examples']} examples"
        rows.append([label, f"{paper['mse']:g}", "-", "-", cycles])
    for name, figures in evaluation["baselines"].items():
        rows.append([name, *_figures(figures)])
    return rows


def notes(card: dict[str, Any]) -> list[str]:
    """What the table cannot say: ratio, long streams, seeds, and what was not estimated."""
    evaluation, run = card["evaluation"], card["derivation"]
    lines = []
    if evaluation["ratio"]:
        ratio = evaluation["ratio"]
        said = f"error / oracle: {ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]"
        if regret := evaluation.get("regret"):  # files of before have none
            said += f", regret {regret['value']:.3g} [{regret['low']:.3g}, {regret['high']:.3g}]"
        lines.append(f"{said}. {evaluation['oracle']['note']}")
    elif evaluation["oracle"]:
        lines.append("error / oracle: not estimated, the learner's error did not stay finite.")
    else:
        lines.append("error / oracle: not estimated, no oracle is known for this family.")
    if within := evaluation.get("coverage"):
        shares = [f"{name} {100 * part['value']:.1f} %" for name, part in within.items() if part]
        lines.append(f"targets within 90 % intervals: {', '.join(shares)}.")
    if "alarms" in evaluation:
        lines.append(f"false alarms: {100 * evaluation['alarms']:.1f} % of streams.")
    long = evaluation["long"]
    if long and long["rest"]:
        lines.append(
            f"over {long['length']} examples: {long['first_tenth']['value']:.3g} a step in the "
            f"first tenth, {long['rest']['value']:.3g} in the rest."
        )
    elif long:
        lines.append(f"over {long['length']} examples: the error did not stay finite.")
    else:
        lines.append("at ten times the length: not estimated, the series end.")
    if evaluation["tasks"] < 2:
        lines.append("intervals: not estimated, there is one test task.")
    if _paper(card["family"]):
        lines.append("paper: Younger, Hochreiter and Conwell 2001, whose state was never reset.")
    by_seed = [error for error in run["validation_by_seed"] if error is not None]
    lines.append(
        f"validation error of the {len(by_seed)} seeds, best kept: "
        + ", ".join(f"{error:.3g}" for error in sorted(by_seed))
        + " (targets as scaled for the network)."
    )
    lines.append(
        f"{evaluation['tasks']} test tasks of {evaluation['examples']} examples; error: "
        "squared; learned: at or under a tenth of the targets' variance "
        f"({evaluation['variance']:.3g}) from there on."
    )
    return lines


def _paper(family: dict[str, Any]) -> dict[str, Any] | None:
    """What the paper reports, if it reports on this family under these conditions."""
    under = {entry["condition"] for entry in family.get("under", [])}
    if family.get("inputs") != 2 or not under <= {"switching"}:
        return None
    return PAPER.get((family["family"], family.get("scale")))


def _figures(figures: dict[str, Any]) -> list[str]:
    mse = figures["mse"]
    if mse is None:
        return ["not finite", "-", "-", "-"]
    after = [figures["after"][n] for n in ("10", "30")]
    return [
        f"{mse['value']:.3g} ±{(mse['high'] - mse['low']) / 2:.2g}",
        *("-" if part is None else f"{part['value']:.3g}" for part in after),
        str(figures["examples_to_learn"] if figures["examples_to_learn"] is not None else "-"),
    ]
