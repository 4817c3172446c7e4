"""What is computed where it is read, and what is stored first."""

import numpy as np

from fixedweight.kernels.generate import CHEAP
from fixedweight.kernels.inline import DEEPEST, inlined
from fixedweight.kernels.places import location
from fixedweight.kernels.program import LANE, Program


def kept(program, given_ids, stored_ids):
    """Operations of the statements that are computed and stored."""
    given = np.full(len(program.kinds), -1, dtype=np.int64)
    given[given_ids] = location("S", np.arange(given_ids.size))
    stored = np.zeros(len(program.kinds), dtype=bool)
    stored[stored_ids] = True
    statements, found = inlined(program.statements, given, program.kinds, stored, CHEAP)
    assert len(statements) + len(found.chosen) == len(program.statements)
    return [statement.op for statement in statements], found


def test_what_one_loop_reads_is_written_there():
    program = Program()
    s = program.new((4,), LANE)
    less = program.map("sub", program.constant(np.ones(4)), s)
    product = program.map("mul", less, program.map("neg", s))
    end = program.map("tanh", product)
    operations, found = kept(program, s, end)
    assert operations == ["tanh"]
    statement, (first, second) = found.parts(product[2:])
    assert statement.op == "mul"
    np.testing.assert_array_equal(first, less[2:])
    assert found.parts(second)[0].op == "neg"
    assert found.parts(s) is None


def test_what_is_read_twice_or_stored_or_dear_is_computed_once():
    program = Program()
    s = program.new((4,), LANE)
    twice = program.map("square", s)
    once = program.map("mul", twice, s)
    end = program.map("tanh", program.map("add", once, twice))
    assert kept(program, s, end)[0] == ["square", "mul", "add", "tanh"]
    assert kept(program, s, np.concatenate([end, once]))[0] == ["square", "mul", "add", "tanh"]

    program = Program()
    s = program.new((4,), LANE)
    end = program.map("neg", program.map("exp", s))
    assert kept(program, s, end)[0] == ["exp", "neg"]


def test_sums_and_parts_of_loops_read_what_is_stored():
    program = Program()
    s = program.new((4,), LANE)
    end = program.sum("sum", program.map("neg", s)[None], s[None])
    assert kept(program, s, end)[0] == ["neg", "sum"]

    program = Program()
    s = program.new((4,), LANE)
    both = np.concatenate([program.map("neg", s[:2]), program.map("square", s[2:])])
    assert kept(program, s, program.map("exp", both))[0] == ["neg", "square", "exp"]


def test_long_arithmetic_is_stored():
    program = Program()
    s = program.new((4,), LANE)
    value = s
    for _ in range(DEEPEST + 1):
        value = program.map("neg", value)
    operations, found = kept(program, s, program.map("exp", value))
    assert operations == ["neg", "exp"]
    assert len(found.chosen) == DEEPEST
