"""What is counted of a schedule, and how runs are summed up."""

from fixedweight.parts import kept, markdown, spread
from fixedweight.parts.judged import examples_shown
from fixedweight.training import Schedule, Stage, online_descent


def test_an_update_goes_through_one_window():
    assert examples_shown(online_descent(64, 300_000, 0.1)) == 300_000
    assert examples_shown(Schedule((Stage(20, 8, 5), Stage(64, 4, 10, windows=5)))) == 800 + 2560


def test_a_run_keeps_the_network_with_the_lowest_validation_error():
    networks = [
        {"run": run, "validation": error, "name": name}
        for run, error, name in ((0, 0.3, "a"), (0, 0.1, "b"), (1, 0.2, "c"), (0, 0.2, "d"))
    ]
    assert [network["name"] for network in kept({"networks": networks})] == ["b", "c"]


def test_what_never_came_about_is_said_so():
    assert spread([3, None, 1]) == "3 [1, never]"
    assert spread([None, None]) == "never [never, never]"
    assert markdown([["a", "b"], [1, 2]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
