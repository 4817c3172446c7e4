"""Six simulators as users write them; nothing was tuned on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fixedweight as fw
from fixedweight.families import TaskFamily


def sines() -> TaskFamily:
    """Amplitude and frequency, noiseless."""
    return fw.Simulator(
        draw=lambda key: jax.random.uniform(key, (2,), minval=0.5, maxval=2.0),
        compute=lambda task, x: task[0] * jnp.sin(3.0 * task[1] * x[0]),
        size=1,
        length=30,
        label="sines",
    )


def medicine() -> TaskFamily:
    """A swallowed dose in one compartment: hours and dose to concentration, noisy."""

    def draw(key: Any) -> dict[str, Any]:
        body, amount, _ = jax.random.split(key, 3)
        z = jax.random.normal(body, (3,))
        return {
            "taken_up": jnp.exp(0.4 + 0.6 * z[0]),
            "removed": jnp.exp(-2.5 + 0.35 * z[1]),
            "volume": jnp.exp(-0.8 + 0.3 * z[2]),
            "dose": jax.random.uniform(amount, (), minval=3.0, maxval=6.0),
        }

    def inputs(key: Any, task: dict[str, Any], length: int) -> Any:
        hours = jnp.cumsum(jax.random.exponential(key, (length,)) * 2.0)
        return jnp.stack([hours, jnp.full((length,), task["dose"])], 1)

    def compute(task: dict[str, Any], x: Any) -> Any:
        up, out = task["taken_up"], task["removed"]
        level = x[1] * up / (task["volume"] * (up - out))
        return level * (jnp.exp(-out * x[0]) - jnp.exp(-up * x[0]))

    return fw.Noisy(
        fw.Simulator(
            draw=draw, compute=compute, inputs=inputs, size=2, length=15, label="medicine"
        ),
        sd=0.5,
    )


def pump() -> TaskFamily:
    """Speed and valve to flow, noisy, with unmarked changes."""
    low, high = jnp.array([0.5, 0.2, 0.0, -0.3]), jnp.array([1.5, 1.0, 0.5, 0.3])

    def compute(task: Any, x: Any) -> Any:
        speed, valve = (x[0] + 1) / 2, (x[1] + 1) / 2
        flow = task[0] * speed * jnp.sqrt(valve + 0.05) / jnp.sqrt(task[1] + valve)
        return flow - task[2] * speed**2 + task[3]

    simulator = fw.Simulator(
        draw=lambda key: jax.random.uniform(key, (4,), minval=low, maxval=high),
        compute=compute,
        size=2,
        length=40,
        label="pump",
    )
    return fw.Switching(fw.Noisy(simulator, sd=0.05), hazard=0.02)


def answers() -> TaskFamily:
    """A pupil's answers, right or wrong, by difficulty and kind of question."""

    def draw(key: Any) -> dict[str, Any]:
        able, sure = jax.random.split(key)
        return {
            "able": 0.7 * jax.random.normal(able, (2,)),
            "steep": jnp.exp(1.0 + 0.5 * jax.random.normal(sure)),
            "luck": jax.random.uniform(sure, (7,), minval=-20, maxval=20),
        }

    def compute(task: dict[str, Any], x: Any) -> Any:
        able, luck = task["able"], task["luck"]
        right = jax.nn.sigmoid(task["steep"] * (x[0] * 2 - able[0] + able[1] * x[1]))
        drawn = jnp.abs(jnp.sin(jnp.dot(luck[:2], x * 37.1) + luck[2]) * 43758.5453)
        return (jnp.mod(drawn, 1.0) < right).astype(jnp.float32)

    return fw.Simulator(draw=draw, compute=compute, size=2, length=40, label="answers")


def room() -> TaskFamily:
    """An hour in a heated room: temperature, heating, outside and sun to its change; NumPy."""

    def simulate(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        hours = 48
        loss, power = rng.uniform(0.02, 0.25), rng.uniform(0.5, 3.0)
        sun, lag = rng.gamma(2.0, 0.15), rng.uniform(0.2, 1.0)
        inside, heat = rng.normal(19, 2), 0.0
        inputs, targets = [], []
        for hour in range(hours):
            asked = rng.uniform(0, 1)
            outside = 5 + 5 * np.sin(2 * np.pi * hour / 24 + rng.normal(0, 0.1)) + rng.normal()
            shine = max(0.0, np.sin(2 * np.pi * (hour - 6) / 24))
            inputs.append([inside, asked, outside, shine])
            heat += lag * (asked - heat)
            new = inside + loss * (outside - inside) + power * heat + sun * shine
            new = min(max(new, 5), 35)
            targets.append(new - inside + rng.normal(0, 0.1))
            inside = new
        return np.array(inputs), np.array(targets)

    return fw.simulated(simulate, tasks=2048, seed=0)


def reacher() -> TaskFamily:
    """MuJoCo's arm (`studies.reacher`)."""
    from studies.reacher.simulate import simulate  # needs MuJoCo

    return fw.simulated(simulate, tasks=8192, seed=0)


SIMULATORS: dict[str, Callable[[], TaskFamily]] = {
    make.__name__: make for make in (sines, medicine, pump, answers, room, reacher)
}
