"""Which records an owner goes about with care, by what its predecessor left."""

import pytest

from citybrain.model import Feed
from rules.intake import FeedRecord
from streams.log import SourceRecord
from streams.state_log import Life
from streams.suspicion import Suspicion, suspect


def run(first: int, after: int) -> list[SourceRecord]:
    return [SourceRecord(offset, FeedRecord(Feed.HYDROLOGY, 0, None, None, {})) for offset in range(first, after)]


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        pytest.param(None, Suspicion(10), id="the first owner of all"),
        pytest.param(Life(10, released=True), Suspicion(10), id="let go in good order"),
        pytest.param(Life(4), Suspicion(10), id="got on, and died"),
        pytest.param(Life(10), Suspicion(50), id="died where it began"),
        pytest.param(Life(10, (20, 30)), Suspicion(50, range(20, 30)), id="died of a chunk"),
        pytest.param(Life(4, (8, 10)), Suspicion(10), id="died of what is judged"),
        pytest.param(Life(10, (20, 21)), Suspicion(50, range(20, 21), 1), id="died of a record"),
        pytest.param(Life(10, (20, 21), 1), Suspicion(50, range(20, 21), 2), id="twice"),
        pytest.param(Life(10, (20, 21), 2), Suspicion(50, killer=20), id="three times"),
    ],
)
def test_a_predecessor_leaves_a_suspicion(previous, expected):
    assert suspect(previous, 10, 50) == expected


@pytest.mark.parametrize(
    ("suspicion", "pieces"),
    [
        pytest.param(Suspicion(10), [(10, 16, None)], id="none"),
        pytest.param(Suspicion(13), [(10, 16, 0)], id="in chunks"),
        pytest.param(Suspicion(50, range(12, 14)), [(10, 12, 0), (12, 13, 0), (13, 14, 0), (14, 16, 0)], id="singly"),
        pytest.param(Suspicion(50, range(12, 13), 2), [(10, 12, 0), (12, 13, 2), (13, 16, 0)], id="with its deaths"),
        pytest.param(Suspicion(50, range(2, 4)), [(10, 16, 0)], id="elsewhere"),
    ],
)
def test_a_run_is_judged_in_pieces(suspicion, pieces):
    found = [
        (piece[0].offset, piece[-1].offset + 1, None if trying is None else trying.deaths)
        for piece, trying in suspicion.pieces(run(10, 16))
    ]
    assert found == pieces
    for piece, trying in suspicion.pieces(run(10, 16)):
        assert trying is None or trying.trying == (piece[0].offset, piece[-1].offset + 1)
