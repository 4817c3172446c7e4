"""The package from outside: its public names, and its use without what deriving needs."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import fixedweight
from fixedweight import errors
from test_learner import drawn_learner

NAMES = """
Alternating Elman FullyRecurrent GRU Gaussian Jordan LSTM PreviousError Quantiles
    SelfReferential
    Boolean CompiledEstimator Family FamilyError FixedWeightError InputError LSTM1997 Late Learner
    LearnerFileError
    Missing MissingExtraError Network NetworkError Noisy OnlineEstimator Quadratic Recurring
    Matched Relatives Schedule Semilinear Simulator Stage Switching Table derive derive_related
    derive_seeds derive_matched evaluate load read_table simulated
"""
"""A change here is a change to what users may import: say so in the commit."""


def test_the_public_names_are_these():
    assert sorted(fixedweight.__all__) == sorted(NAMES.split())


@pytest.mark.parametrize("name", NAMES.split())
def test_every_public_name_can_be_imported(name):
    namespace = {}
    exec(f"from fixedweight import {name}", namespace)
    assert namespace[name].__name__ == name
    assert namespace[name].__module__.startswith("fixedweight.")


def test_a_name_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'fixedweight' has no attribute 'derived'"):
        _ = fixedweight.derived


def test_every_error_has_the_package_base_and_a_builtin_one():
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    kinds = [kind for kind in kinds if issubclass(kind, Exception)]
    named = {n for n in NAMES.split() if n.endswith("Error")} - {"PreviousError"}  # a network
    assert {kind.__name__ for kind in kinds} == named
    for kind in kinds:
        assert issubclass(kind, errors.FixedWeightError)
        assert kind is errors.FixedWeightError or issubclass(kind, (ValueError, ImportError))


def run_without(modules, script, folder):
    """Run Python where importing `modules` fails, with warnings as errors."""
    block = f"import sys\nfor name in {modules!r}: sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", block + textwrap.dedent(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


TRAIN = ["jax", "jaxlib", "optax", "jaxtyping", "matplotlib", "beartype"]
CLI = ["typer", "rich", "pandas", "pyarrow", "polars"]


@pytest.fixture
def folder(tmp_path):
    """A folder with a learner and a table for it."""
    drawn_learner(flagged=True).save(tmp_path / "learner.safetensors")
    (tmp_path / "rows.csv").write_text("x1,x2,y1\n0,1,1\n1,1,\n1,0,0.5\n")
    return tmp_path


def test_a_learner_is_used_with_numpy_and_safetensors_alone(folder):
    """What the subprocess learns is what this process learns, bit for bit."""
    script = """
        import copy
        import fixedweight
        from fixedweight import InputError, Learner, MissingExtraError, OnlineEstimator

        estimator = OnlineEstimator(Learner.load("learner.safetensors"))
        for t in range(20):
            print(estimator.predict_one([t % 2, t % 3]).hex())
            estimator.learn_one({"x1": t % 2, "x2": t % 3}, None if t % 5 == 0 else t / 7)
        print(*(value.hex() for value in estimator.predict_many([[0, 1], [2, 3]])[:, 0].tolist()))
        estimator.save_state("state")
        estimator.reset().load_state("state")
        estimator.learner.save("again.safetensors")
        copy.deepcopy(estimator).learn_many([[0, 1]], [1])
        estimator.learner.unroll([[[0, 1]]], [[[1]]])
        try:
            estimator.predict_one([1])
        except InputError:
            print("refused")
        for name in ("derive", "derive_seeds", "evaluate", "Boolean", "Schedule", "read_table"):
            try:
                getattr(fixedweight, name)
            except MissingExtraError as error:
                assert isinstance(error, ImportError)
                assert "'jax', which is not installed" in str(error), error
                assert "pip install 'fixedweight[train]'" in str(error), error
                print("missing", name)
    """
    result = run_without([*TRAIN, *CLI], script, folder)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.split("\n")
    learner = fixedweight.Learner.load(folder / "learner.safetensors")
    estimator = fixedweight.OnlineEstimator(learner)
    for t in range(20):
        assert float.fromhex(lines[t]) == estimator.predict_one([t % 2, t % 3])
        estimator.learn_one([t % 2, t % 3], None if t % 5 == 0 else t / 7)
    many = [float.fromhex(text) for text in lines[20].split()]
    assert many == estimator.predict_many([[0, 1], [2, 3]])[:, 0].tolist()
    assert lines[21] == "refused"
    assert sum(line.startswith("missing ") for line in lines) == 6
    loaded = fixedweight.OnlineEstimator(learner)
    loaded.load_state(folder / "state")
    assert loaded.predict_one([1, 1]) == estimator.predict_one([1, 1])
    again = folder / "again.safetensors"
    assert fixedweight.Learner.load(again).digest == learner.digest


def test_the_command_line_shows_and_runs_learners_without_what_deriving_needs(folder):
    script = """
        import sys
        from fixedweight.__main__ import main

        for arguments in (
            ["show", "learner.safetensors"],
            ["run", "learner.safetensors", "rows.csv", "--out", "out.csv"],
            ["derive", "boolean"],
        ):
            sys.argv = ["fixedweight", *arguments]
            try:
                main()
            except SystemExit as end:
                print("code", end.code)
    """
    result = run_without(TRAIN, script, folder)
    assert "Traceback" not in result.stderr
    assert [line for line in result.stdout.split("\n") if line.startswith("code")] == [
        "code 0",
        "code 0",
        "code 1",
    ]
    assert result.stderr.startswith("error: This needs the package 'jax', which is not installed")
    assert "fixedweight[train]" in result.stderr
    assert len((folder / "out.csv").read_text().split()) == 4


def test_the_command_line_says_what_it_needs(folder):
    script = """
        import sys
        from fixedweight.__main__ import main

        sys.argv = ["fixedweight", "show", "learner.safetensors"]
        main()
    """
    result = run_without(["typer"], script, folder)
    assert result.returncode == 1
    assert result.stderr.startswith("error: This needs the package 'typer'")
    assert "fixedweight[cli]" in result.stderr


@pytest.mark.parametrize(("name", "package"), [("river", "river"), ("sklearn", "sklearn")])
def test_estimators_for_other_libraries_say_what_they_need(tmp_path, name, package):
    script = f"""
        import fixedweight
        try:
            import fixedweight.estimators.{name}
        except fixedweight.MissingExtraError as error:
            print(error)
    """
    result = run_without([*TRAIN, *CLI, package], script, tmp_path)
    assert result.returncode == 0, result.stderr
    assert f"pip install 'fixedweight[{name}]'" in result.stdout


def test_the_package_is_marked_as_typed():
    assert (Path(fixedweight.__file__).parent / "py.typed").is_file()
