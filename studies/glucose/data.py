"""Days of virtual patients of `simglucose`, as rows of half an hour.

The package (MIT licence) is a Python form of the UVa/Padova type-1 diabetes simulator of 2008
(Kovatchev, Breton, Dalla Man and Cobelli, J. Diabetes Sci. Technol. 3(1), 2009): a model of 13
states with some 35 parameters a patient, of whom it brings ten adults, ten adolescents and ten
children. Meals, basal-bolus controller and sensor (Dexcom, with its coloured noise) are its own.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd

GROUPS = ("adult", "adolescent", "child")
PATIENTS = 10
DAY = 1440
STEP = 30
"""Minutes from one reading to the next."""
BEGIN = 360
"""A day begins so many minutes after midnight."""
EARLIER = (60.0, 150.0)
"""Minutes in which what is on board of carbohydrates and of insulin falls to 1/e."""
INPUTS = ("glucose", "trend", "carbs", "carbs_before", "insulin", "insulin_before", "basal")


@dataclass(frozen=True)
class Habits:
    """What differs between conditions: the patient's care and the sensor."""

    miscounted: float = 0.0
    """Standard deviation of the logarithm of the meal as told over the meal as eaten."""
    forgotten: float = 0.0
    """Share of meals without a bolus."""
    noisier: float = 1.0
    """Times the sensor's error."""


USUAL = Habits()
CONDITIONS: dict[str, tuple[str, int, Habits]] = {
    "adults": ("adult", 3, USUAL),
    "adults, meals miscounted and boluses forgotten": ("adult", 2, Habits(0.3, 0.2)),
    "adults, twice the sensor's error": ("adult", 2, Habits(noisier=2.0)),
    "adolescents": ("adolescent", 3, USUAL),
    "children": ("child", 3, USUAL),
}
"""By name: the group of patients, days of each, and their habits. The first is trained on."""


def simulate(name: str, days: int, seed: int, habits: Habits = USUAL) -> dict[str, np.ndarray]:
    """Every minute of a patient from midnight on: readings `cgm` (mg/dL), `carbs` as told (g) and
    `insulin` beside the basal rate (U); and `basal` (U/min), `weight` (kg)."""
    with warnings.catch_warnings():  # it is of an age that warns of itself
        warnings.simplefilter("ignore")
        from simglucose.controller.basal_bolus_ctrller import BBController
        from simglucose.patient.t1dpatient import PATIENT_PARA_FILE, Action, T1DPatient
        from simglucose.sensor.cgm import CGMSensor
        from simglucose.simulation.scenario_gen import RandomScenario

    row = pd.read_csv(PATIENT_PARA_FILE).set_index("Name", drop=False).loc[name]
    # a pandas row would be asked for some 60 parameters in each of 10,000 evaluations a day
    patient = T1DPatient(
        SimpleNamespace(**row.to_dict()), init_state=row.iloc[2:15].to_numpy(float)
    )
    sensor, controller = CGMSensor.withName("Dexcom", seed=seed), BBController()
    midnight = datetime(2001, 7, 1)
    meals = RandomScenario(midnight, seed=seed)
    meals.reset()
    rng = np.random.default_rng((seed, 1))
    minutes = BEGIN + days * DAY + 1
    cgm, carbs, insulin = np.empty(minutes), np.zeros(minutes), np.zeros(minutes)
    basal = float(row["u2ss"] * row["BW"] / 6000)  # as its controller has it
    for minute in range(minutes):
        truth = patient.observation.Gsub
        cgm[minute] = np.clip(
            truth + habits.noisier * (sensor.measure(patient) - truth), 39.0, 600.0
        )
        meal = meals.get_action(midnight + timedelta(minutes=minute)).meal
        if meal:
            carbs[minute] = meal * np.exp(habits.miscounted * rng.normal())
            if rng.uniform() >= habits.forgotten:
                seen = SimpleNamespace(CGM=cgm[minute])
                act = controller.policy(
                    *(seen, 0.0, False), patient_name=name, meal=carbs[minute], sample_time=1
                )
                insulin[minute] = act.bolus
        patient.step(Action(CHO=meal, insulin=basal + insulin[minute]))
    return {"cgm": cgm, "carbs": carbs, "insulin": insulin, "basal": basal, "weight": row["BW"]}


def sensor_floor(draws: int = 4000, seed: int = 0) -> float:
    """The mean absolute error that is left to who knows blood glucose exactly, before and after:
    the sensor's error at the next reading given the one now, mg/dL, by simulation of its law."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from simglucose.sensor.cgm import CGMSensor
        from simglucose.sensor.noise_gen import johnson_transform_SU

    law = CGMSensor.withName("Dexcom", seed=seed)._params
    rng, keep = np.random.default_rng(seed), law["PACF"]
    now = (keep**2 / (1 - keep**2)) ** 0.5 * rng.normal(size=(draws, 1))
    for _ in range(STEP // 15):  # it is autoregressive by 15 minutes
        now = keep * (now + rng.normal(size=(draws, 1000)))
    error = johnson_transform_SU(law["xi"], law["lambda"], law["gamma"], law["delta"], now)
    return float(np.abs(error - np.median(error, axis=1, keepdims=True)).mean())


def rows(run: dict[str, np.ndarray]) -> pd.DataFrame:
    """Each half hour from the first `BEGIN` on: what is known at its beginning, meals and insulin
    of it, which are announced, and the change of the reading by its end (`target`)."""
    at = np.arange(BEGIN, len(run["cgm"]) - STEP, STEP)
    frame = pd.DataFrame({"minute": at})
    weight = run["weight"]
    cgm = run["cgm"]
    frame["glucose"], frame["trend"] = cgm[at], cgm[at] - cgm[at - STEP]
    for name, fall, unit in zip(("carbs", "insulin"), EARLIER, (1.0, 100.0), strict=True):
        told = unit * run[name] / weight  # g / kg; U / 100 kg
        sums = np.concatenate([[0.0], np.cumsum(told)])
        frame[name] = sums[at + STEP] - sums[at]
        frame[f"{name}_before"] = on_board(told, fall)[at]
    frame["basal"] = 60 * 100.0 * run["basal"] / weight  # U / h / 100 kg
    frame["target"] = cgm[at + STEP] - cgm[at]
    return frame


def on_board(told: np.ndarray, fall: float) -> np.ndarray:
    """Before each minute: the sum of what came earlier, each falling to 1/e in `fall` minutes."""
    keep, kept, before = np.exp(-1.0 / fall), 0.0, np.empty(len(told))
    for i, value in enumerate(told):
        before[i] = kept
        kept = keep * (kept + value)
    return before


def days_of(condition: str) -> pd.DataFrame:
    """A task a day of a patient: `condition`, `task`, `group` (the patient), `number` (the
    patient's in the group), `day`, `order`, the inputs, `target`."""
    group, days, habits = CONDITIONS[condition]
    place = 1000 * list(CONDITIONS).index(condition)
    found = []
    for number in range(1, PATIENTS + 1):
        name = f"{group}#{number:03d}"
        frame = rows(simulate(name, days, place + number, habits))
        day = (frame.pop("minute") - BEGIN) // DAY
        frame.insert(0, "condition", condition)
        frame.insert(1, "task", [f"{condition}/{number}/{d}" for d in day])
        frame.insert(2, "group", name)
        frame.insert(3, "number", number)
        frame.insert(4, "day", day)
        frame.insert(5, "order", frame.groupby("task").cumcount() + 1)
        found.append(frame)
    return pd.concat(found, ignore_index=True)
