import numpy as np

from fixedweight.relatives.choose import LEAST_SHARE, best_temper, log_scores, mixed, shares
from fixedweight.relatives.knots import knots_of, varying


def test_a_clear_lead_takes_all_and_equals_share():
    lead = np.array([[5.0] * 10, [0.0] * 10])
    np.testing.assert_allclose(shares(lead), [1.0, 0.0])
    np.testing.assert_allclose(shares(np.zeros((2, 10))), [0.5, 0.5])


def test_a_lead_that_rests_on_one_task_is_trusted_less():
    one = np.array([[2.0] + [0.0] * 9, [0.0] * 10])
    spread = np.array([[0.2] * 10, [0.0] * 10])
    assert shares(one)[0] < shares(spread)[0] < 1.0


def test_what_is_not_finite_or_small_is_left_out():
    found = shares(np.array([[0.0] * 5, [np.nan] + [9.0] * 4, [-0.1] * 5, [-30.0] * 5]))
    assert found[1] == found[3] == 0.0
    assert found[found > 0].min() >= LEAST_SHARE
    np.testing.assert_allclose(found.sum(), 1.0)


def test_forecasts_are_mixed_by_what_came_before_alone():
    rng = np.random.default_rng(0)
    y, mean = rng.normal(size=(3, 6)), rng.normal(size=(2, 3, 6))
    known = np.ones((3, 6), dtype=bool)
    score = log_scores(y, mean, np.ones((2, 3, 6)), known)
    share = np.array([0.3, 0.7])
    found = mixed(mean, score, share, 1.0)
    np.testing.assert_allclose(found[:, 0], share @ mean[:, :, 0])
    odds = np.log(share)[:, None] + score[:, :, 0]
    weight = np.exp(odds) / np.exp(odds).sum(axis=0)
    np.testing.assert_allclose(found[:, 1], (weight * mean[:, :, 1]).sum(axis=0))
    assert best_temper(mean[0], mean, score, np.array([0.5, 0.5]), known) in (0.0, 0.25, 0.5, 1.0)


def test_ramps_stand_between_few_values_and_between_quantiles_of_many():
    few = np.tile([0.0, 1.0, 4.0], (2, 1))[..., None]
    there = np.ones((2, 3), dtype=bool)
    found = knots_of(few, there, 4, 4)
    np.testing.assert_allclose(found["begin"][0, :2], [0.0, 1.0])
    np.testing.assert_allclose(found["slope"][0], [1.0, 1 / 3, 0.0, 0.0])
    many = np.random.default_rng(0).exponential(size=(5, 40, 1))
    found = knots_of(many, np.ones((5, 40), dtype=bool), 4, 5)
    inside = [(many >= a).mean() for a in found["begin"][0, :4]]
    np.testing.assert_allclose(inside, [1.0, 0.75, 0.5, 0.25], atol=0.01)


def test_inputs_that_change_within_a_task_are_told_from_those_that_do_not():
    x = np.zeros((2, 3, 2))
    x[1, :, 0] = 5.0  # differs between tasks alone
    x[:, :, 1] = np.arange(3)
    x[0, 2, 0] = 9.0  # padding
    there = np.array([[True, True, False], [True, True, True]])
    assert varying(x, there).tolist() == [False, True]
