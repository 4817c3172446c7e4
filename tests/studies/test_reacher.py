"""The reacher: its physics against their equations, the filter against brute force, rivals."""

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="MuJoCo comes with the extra `reacher`")
pytest.importorskip("gymnasium", reason="the arm comes with the extra `reacher`")
pytest.importorskip("river", reason="rivals come with the extra `studies`")

from studies.reacher import data, physics
from studies.reacher.rivals import RIVALS
from studies.reacher.simulate import EXAMPLES, HIGH, INPUTS, LOW, NOISE, run, simulate

ARM = np.array([4.0, 1.5, 200.0])


def acceleration(arm, moment):
    """Of the first joint by the Lagrange equations of two links, armature 1, point payload."""
    payload, damping, gear = arm
    _, q, w0, w1, u0, u1 = moment
    rod = 0.035604717  # kg, of a link
    first, reach = 0.1, 0.11
    inertia = 3.9175e-5  # of a link across its length
    half = 0.05
    a = 1.0 + 2 * inertia + rod * (half**2 + first**2 + half**2)
    a += payload * (first**2 + reach**2)
    b = first * (rod * half + payload * reach)
    c = 1.0 + inertia + rod * half**2 + payload * reach**2
    mass = np.array([[a + 2 * b * np.cos(q), c - 1 + b * np.cos(q)], [0.0, c]])
    mass[1, 0] = mass[0, 1]
    whirl = b * np.sin(q) * np.array([w1 * (2 * w0 + w1), -(w0**2)])
    force = gear * np.array([u0, u1]) - damping * np.array([w0, w1]) + whirl
    return np.linalg.solve(mass, force)[0]


def test_the_arm_moves_by_its_equations():
    rng = np.random.default_rng(0)
    moments, changes = run(ARM, rng)
    free = np.abs(moments[:, 1]) < 2.0  # far from the stop of the second joint
    expected = np.array([0.02 * acceleration(ARM, moment) for moment in moments])
    # over a step the acceleration itself changes a little
    np.testing.assert_allclose(changes[free], expected[free], atol=0.15)
    assert np.corrcoef(changes[free], expected[free])[0, 1] > 0.999


def test_a_simulated_arm_is_one_that_ran():
    inputs, targets = simulate(np.random.default_rng(1))
    again, _ = simulate(np.random.default_rng(1))
    assert inputs.shape == (EXAMPLES, len(INPUTS))
    assert targets.shape == (EXAMPLES,)
    np.testing.assert_array_equal(inputs, again)
    np.testing.assert_allclose(inputs[:, 1] ** 2 + inputs[:, 2] ** 2, 1.0)


def test_polynomials_of_the_arm_agree_with_mujoco():
    rng = np.random.default_rng(2)
    moments, changes = run(ARM, rng)
    coefficients = physics.foreseen(moments, LOW, HIGH)
    unit = 2 * (ARM - LOW) / (HIGH - LOW) - 1
    found = physics.polynomials(unit[None]) @ coefficients.T
    np.testing.assert_allclose(found[0], changes, atol=2e-3)


def test_the_filter_is_the_posterior_mean_over_a_fine_grid():
    rng = np.random.default_rng(3)
    moments, changes = run(ARM, rng)
    targets = changes + NOISE * rng.normal(size=EXAMPLES)
    coefficients = physics.foreseen(moments, LOW, HIGH)
    found = physics.filtered(coefficients, targets, np.random.default_rng(0))
    axis = (np.arange(60) + 0.5) / 30 - 1
    design = physics.polynomials(np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3))
    values = design @ coefficients[:9].T
    log_weight = -0.5 * (((targets[:8] - values[:, :8]) / NOISE) ** 2).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    assert found[8] == pytest.approx(weight @ values[:, 8] / weight.sum(), abs=0.015)


def test_arms_outside_are_outside_and_no_further_than_told():
    rng = np.random.default_rng(0)
    drawn = np.array([data.outside(rng) for _ in range(200)])
    assert ((drawn < LOW) | (drawn > HIGH)).any(axis=1).all()
    assert (drawn <= HIGH * data.WIDER).all()
    assert (drawn >= LOW / data.WIDER).all()


def drawn(seed, count):
    rng = np.random.default_rng(seed)
    each = [simulate(rng) for _ in range(count)]
    return data.framed(np.array([x for x, _ in each]), np.array([y for _, y in each]))


@pytest.mark.parametrize("name", [name for name in RIVALS if "forest" not in name])
def test_rivals_look_back_alone(name, monkeypatch):
    monkeypatch.setattr("studies.reacher.process.STEPS", 3)
    monkeypatch.setattr("studies.reacher.rivals.CHOOSING", 10)
    train, test = drawn(0, 40), drawn(1, 3)
    changed = test.assign(target=test["target"] + 3.0 * (test["order"] >= 9))
    early = (test["order"] <= 9).to_numpy()
    first, second = (RIVALS[name](train, part) for part in (test, changed))
    np.testing.assert_allclose(first[early], second[early], rtol=1e-6)
    assert np.isfinite(first).all()
