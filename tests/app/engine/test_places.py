"""What is submitted to a cluster must find its place at once."""

import pytest

from app.engine.places import Bundle, Node, fits, most_beside

CPU = Bundle(1, 0)
GPU = Bundle(1, 1)
TWO_MACHINES = (Node("a", 2, 0), Node("b", 2, 1))


@pytest.mark.parametrize(
    ("taken", "wanted", "room"),
    [
        ([], [CPU] * 4, True),
        ([], [CPU] * 5, False),
        ([], [Bundle(3, 0)], False),  # four processors, but nowhere three of them
        ([CPU], [Bundle(2, 0)], True),
        ([GPU], [GPU], False),
        ([CPU, CPU], [GPU], True),  # those without need of a GPU leave its machine free
        ([Bundle(2, 0, "b")], [GPU], False),  # unless they are known to be there
        ([Bundle(1, 0, "gone")], [CPU] * 4, True),
        ([], [GPU, CPU, CPU, CPU], True),
    ],
)
def test_processes_fit_where_one_machine_has_all_that_each_needs(
    taken: list[Bundle], wanted: list[Bundle], room: bool
) -> None:
    assert fits(TWO_MACHINES, taken, wanted) is room


def test_nothing_fits_where_there_is_no_machine() -> None:
    assert fits((), (), [CPU]) is False


@pytest.mark.parametrize(
    ("first", "each", "most"),
    [(CPU, CPU, 3), (Bundle(2, 0), CPU, 2), (CPU, GPU, 1), (GPU, GPU, 0), (Bundle(3, 0), CPU, 0)],
)
def test_so_many_more_fit_beside_the_first(first: Bundle, each: Bundle, most: int) -> None:
    assert most_beside(TWO_MACHINES, first, each) == most
    assert fits(TWO_MACHINES, (), [first, *[each] * most]) is (first.cpus < 3)
    assert not fits(TWO_MACHINES, (), [first, *[each] * (most + 1)])
