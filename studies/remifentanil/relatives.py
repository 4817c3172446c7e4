"""`derive_related` as it is on the remifentanil samples, beside the same rivals.

    python -m studies.remifentanil.relatives          five folds, three seeds, and the rivals
    python -m studies.remifentanil.relatives --seed 1 only this seed's predictions, kept for later

Predictions are kept by seed and fold in `--kept`, so that a run goes on where the last one stopped.
The table is what the rivals have: every input of `data`, the log ratio to Minto's prediction as the
target. Results are stored in the form of `studies.series`, whose page shows them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from fixedweight import Learner, read_table
from fixedweight.relatives import derive_related
from studies.protocol import early, folds, kept, paired
from studies.series.evaluate import DERIVED, tables

from .data import INPUTS, load
from .evaluate import RIVALS, cross_predict, errors
from .rivals import people

RESULTS = Path(__file__).parent / "relatives.json"
FOLDS = 5


def related(train: pd.DataFrame, test: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """Log concentrations by a learner that the training people alone were fitted for."""
    patients = np.random.default_rng(seed).permutation(np.unique(train["patient"]))
    table = read_table(
        pd.concat([train, test])[["patient", *INPUTS, "log_ratio"]],
        task="patient",
        order="order",
        inputs=INPUTS,
        target="log_ratio",
        validation=patients[: round(0.2 * len(patients))].tolist(),
        test=np.unique(test["patient"]).tolist(),
    )
    return predict(derive_related(table, seed=seed), test)


def predict(learner: Learner, test: pd.DataFrame) -> np.ndarray:
    """Log concentrations, each predicted before it is learned."""
    predictions = np.empty(len(test))
    for at, rows in people(test):
        ratio, _ = learner.unroll(
            rows[INPUTS].to_numpy()[None], rows["log_ratio"].to_numpy()[None, :, None]
        )
        predictions[at] = rows["log_minto"] + ratio[0, :, 0]
    return predictions


def crossed(frame: pd.DataFrame, seed: int, folder: Path) -> np.ndarray:
    """Predictions of every row by what was derived on the people of the other folds."""
    predictions = np.full(len(frame), np.nan)
    for fold, left in enumerate(folds(frame, "patient", FOLDS)):
        held = frame["patient"].isin(left).to_numpy()
        train, test = frame[~held], frame[held]
        path = folder / f"seed{seed}fold{fold}.npy"
        predictions[held] = kept(path, lambda a=train, b=test: related(a, b, seed))
    return predictions


def measured(seeds: int, folder: Path) -> dict[str, object]:
    """Error tables of the rivals and of what was derived, by seed, and comparisons by person."""
    frame = load(verbose=False)
    rivals = {}
    for name, rival in RIVALS.items():
        path = folder / f"{name.replace(' ', '-')}.npy"
        with threadpool_limits(1):
            found = kept(path, lambda rival=rival: cross_predict(frame, rival))
        rivals[name] = errors(frame, found)
    judged = early(frame)
    by_seed = []
    for seed in range(seeds):
        own = {DERIVED: errors(frame, crossed(frame, seed, folder))}
        both = {name: error[judged] for name, error in {**rivals, **own}.items()}
        compared = paired(frame["patient"].to_numpy()[judged], both, DERIVED)
        by_seed.append({"errors": tables(frame, own), "paired": compared.to_dict("index")})
    return {
        "command": f"python -m studies.remifentanil.relatives --seeds {seeds}",
        "unit": "log of ug/L",
        "tasks": int(frame["patient"].nunique()),
        "examples": len(frame),
        "rivals": tables(frame, rivals),
        "seeds": by_seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--kept", type=Path, default=Path(".kept/remifentanil"))
    asked = parser.parse_args()
    if asked.seed is not None:
        crossed(load(), asked.seed, asked.kept)
        return
    found = measured(asked.seeds, asked.kept)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
