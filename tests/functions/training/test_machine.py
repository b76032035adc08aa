"""What trainings share: samples that other processes make ahead."""

from itertools import islice

import pytest

from skyhook_functions.training.machine import made_ahead


@pytest.mark.parametrize("processes", [0, 2])
def test_what_is_made_ahead_comes_in_order_whoever_makes_it(processes: int) -> None:
    assert list(islice(made_ahead(lambda number: number**2, 3, processes), 4)) == [
        (3, 9),
        (4, 16),
        (5, 25),
        (6, 36),
    ]
