"""Gymnasium's reacher arm, moved by random torques: one task is one arm.

Payload (the mass of the fingertip), damping and gear of both joints are drawn for a task. An
example is the state and the torques of a moment; its target is by how much the velocity of the
first joint changes in the next step, measured with noise. A step is that of Gymnasium's Reacher:
two of MuJoCo's, of 0.01 s each.

    fixedweight derive --simulator studies/reacher/simulate.py:simulate
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FRAME_SKIP = 2
EXAMPLES = 40
NOISE = 0.05  # rad/s
#: Payload [kg], damping [N m s/rad], gear [N m at full torque].
LOW = np.array([0.5, 0.5, 100.0])
HIGH = np.array([8.0, 3.0, 350.0])
INPUTS = ("angle", "cos", "sin", "velocity_0", "velocity_1", "torque_0", "torque_1")


@cache
def reacher() -> tuple[Any, Any]:
    """MuJoCo's model and data of the arm, from the file that Gymnasium ships."""
    import gymnasium
    import mujoco

    assets = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    model = mujoco.MjModel.from_xml_path(str(assets / "reacher.xml"))
    return model, mujoco.MjData(model)


def set_arm(parameters: np.ndarray) -> None:
    """Give the arm its payload, damping and gear."""
    import mujoco

    model, data = reacher()
    model.body("fingertip").mass[:] = parameters[0]
    model.dof_damping[:2] = parameters[1]
    model.actuator_gear[:, 0] = parameters[2]
    mujoco.mj_setConst(model, data)


def step(state: np.ndarray, torques: np.ndarray) -> np.ndarray:
    """The state (two angles, two velocities [rad, rad/s]) a step later."""
    import mujoco

    model, data = reacher()
    data.qpos[:2], data.qvel[:2], data.ctrl[:] = state[:2], state[2:], torques
    mujoco.mj_step(model, data, FRAME_SKIP)
    return np.concatenate([data.qpos[:2], data.qvel[:2]])


def run(parameters: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """States and torques [time, 6] of an arm from rest, and the changes of velocity [time]."""
    import mujoco

    mujoco.mj_resetData(*reacher())
    set_arm(parameters)
    moments, changes = np.empty((EXAMPLES, 6)), np.empty(EXAMPLES)
    state = np.concatenate([rng.uniform(-0.1, 0.1, 2), rng.uniform(-0.005, 0.005, 2)])
    for i in range(EXAMPLES):
        torques = rng.uniform(-1.0, 1.0, 2)
        after = step(state, torques)
        moments[i], changes[i] = [*state, *torques], after[2] - state[2]
        state = after
    return moments, changes


def seen(moments: np.ndarray) -> np.ndarray:
    """What learners see of states and torques: `INPUTS`. Turning the whole arm changes nothing."""
    angle = moments[..., 1]
    return np.stack(
        [angle, np.cos(angle), np.sin(angle), *np.moveaxis(moments[..., 2:], -1, 0)], -1
    )


def simulate(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One arm of the box: inputs [time, input] and noisy targets [time]."""
    moments, changes = run(rng.uniform(LOW, HIGH), rng)
    return seen(moments), changes + NOISE * rng.normal(size=EXAMPLES)
