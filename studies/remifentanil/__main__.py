"""Sixty-five people under remifentanil: predict each next concentration of a person never seen.

    python -m studies.remifentanil           five folds, five seeds, some twenty minutes
    python -m studies.remifentanil.show      print the table from the stored results

Mean absolute log error (0.1 is about 10 %) by sample, over all people, each predicted by models
that never saw that person. Rivals are fitted once, since they hardly depend on a seed; the learner
is derived anew for each seed and each fold.
"""

import argparse
import json

from .data import load
from .derived import best_and_mean
from .evaluate import cross_predict_many, error_table, paired, rival_predictions
from .show import RESULTS, table

REFERENCE = "Minto x last ratio"


def measure(seeds: int) -> dict[str, object]:
    """Error tables and paired comparisons of the rivals and of the derived learner by seed."""
    frame = load()
    rivals = rival_predictions(frame, verbose=True)
    by_seed = []
    for seed in range(seeds):
        derived = cross_predict_many(frame, best_and_mean(seed))
        errors = error_table(frame, {**rivals, **derived})
        compared = paired(frame, {**rivals, **derived}, REFERENCE)
        by_seed.append({"errors": errors.to_dict("index"), "paired": compared.to_dict("index")})
        print(f"seed {seed}\n{errors.loc[list(derived)].round(4).to_string()}", flush=True)
    return {
        "command": f"python -m studies.remifentanil --seeds {seeds}",
        "people": int(frame["patient"].nunique()),
        "samples": len(frame),
        "seeds": by_seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    results = measure(parser.parse_args().seeds)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
