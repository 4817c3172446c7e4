"""Sixty-five people under remifentanil: predict each next concentration of a person never seen.

    python -m studies.remifentanil           five folds, five seeds, some twenty minutes
    python -m studies.remifentanil --show    print the table from the stored results

Mean absolute log error (0.1 is about 10 %) by sample, over all people, each predicted by models
that never saw that person. Rivals are fitted once, since they hardly depend on a seed; the learner
is derived anew for each seed and each fold.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from .data import load
from .derived import best_and_mean
from .evaluate import cross_predict_many, error_table, paired, rival_predictions

RESULTS = Path(__file__).parent / "results.json"
REFERENCE = "Minto x last ratio"


def measure(seeds: int) -> dict[str, object]:
    """Error tables and paired comparisons of the rivals and of the derived learner by seed."""
    frame = load()
    rivals = rival_predictions(frame, verbose=True)
    by_seed = []
    for seed in range(seeds):
        derived = cross_predict_many(frame, best_and_mean(seed))
        table = error_table(frame, {**rivals, **derived})
        compared = paired(frame, {**rivals, **derived}, REFERENCE)
        by_seed.append({"errors": table.to_dict("index"), "paired": compared.to_dict("index")})
        print(f"seed {seed}\n{table.loc[list(derived)].round(4).to_string()}", flush=True)
    return {
        "command": f"python -m studies.remifentanil --seeds {seeds}",
        "people": int(frame["patient"].nunique()),
        "samples": len(frame),
        "seeds": by_seed,
    }


def summary(results: dict) -> str:
    """Medians over seeds; for the derived learners the lowest and highest over all samples too."""
    tables = [pd.DataFrame.from_dict(seed["errors"], orient="index") for seed in results["seeds"]]
    stack = np.stack([table.to_numpy() for table in tables])
    median = pd.DataFrame(np.median(stack, axis=0), tables[0].index, tables[0].columns)
    every = stack[:, :, list(tables[0].columns).index("all")]
    median["lowest"], median["highest"] = every.min(axis=0), every.max(axis=0)
    compared = pd.DataFrame.from_dict(results["seeds"][0]["paired"], orient="index")
    return (
        f"{results['people']} people, {results['samples']} samples, {len(tables)} seeds\n\n"
        f"{median.sort_values('all').round(4).to_string()}\n\n"
        f"difference to {REFERENCE!r} per person, seed 0, 95 % interval over people\n\n"
        f"{compared.sort_values('difference').round(4).to_string()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--show", action="store_true", help="print the stored results only")
    arguments = parser.parse_args()
    if not arguments.show:
        RESULTS.write_text(json.dumps(measure(arguments.seeds), indent=1) + "\n")
    print(summary(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
