"""What `alerts watch` shows, and that a lost broker never looks like a quiet city."""

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from citybrain.alerts import State
from citybrain.cli import alerts
from citybrain.cli.main import app
from citybrain.cli.shared import Place
from citybrain.clock import ManualClock
from citybrain.errors import MissingError, UsageError
from citybrain.instants import MINUTE, SECOND
from citybrain.model import Level, Scenario
from streams.clients import Broker
from streams.topics import Names

NOBODY = "127.0.0.1:1"
FLOOD = Scenario.FLOOD_DROUGHT_COMMAND
FIRE = Scenario.FIRE_RESCUE


def event(level, previous=None, state=State.FIRING, *, scenario=FLOOD, also_in=(), identifier="a"):
    """The fields of an alert event that the choice looks at."""
    return SimpleNamespace(
        identifier=identifier, level=level, previous_level=previous, state=state, scenario=scenario, also_in=also_in
    )


def test_an_alert_that_was_shown_is_shown_to_its_end():
    wanted = alerts._Wanted(Level.ORANGE, None)
    life = [
        (event(Level.YELLOW), False),
        (event(Level.ORANGE, Level.YELLOW), True),
        (event(Level.YELLOW, Level.ORANGE), True),
        (event(Level.YELLOW, Level.YELLOW, State.RECOVERING), True),
        (event(Level.YELLOW, Level.YELLOW, State.CLEARED), True),
        (event(Level.YELLOW), False),
    ]
    assert [wanted.take(one) for one, _ in life] == [shown for _, shown in life]


def test_a_fall_from_the_level_is_shown_even_to_who_came_late():
    assert alerts._Wanted(Level.ORANGE, None).take(event(Level.BLUE, Level.RED))


def test_one_scenario_has_the_alerts_that_belong_to_it_too():
    wanted = alerts._Wanted(Level.BLUE, FIRE)
    assert not wanted.take(event(Level.RED))
    assert wanted.take(event(Level.RED, also_in=(FIRE,)))


def test_a_lost_broker_is_said_at_once_and_ends_the_watch_after_a_minute(capsys):
    clock = ManualClock(0)
    contact = alerts._Contact(Place(Broker(NOBODY), Names("t."), 1), "en", clock)
    clock.advance(4 * SECOND)
    contact.keep(heard=False)
    assert capsys.readouterr().err == ""
    clock.advance(2 * SECOND)
    contact.keep(heard=False)
    assert "NO CONTACT with 127.0.0.1:1" in capsys.readouterr().err
    clock.advance(30 * SECOND)
    contact.keep(heard=True)
    assert "in contact with 127.0.0.1:1 again" in capsys.readouterr().err
    clock.advance(10 * SECOND)
    contact.keep(heard=False)
    clock.advance(MINUTE + SECOND)
    with pytest.raises(MissingError, match="nothing is being watched any more"):
        contact.keep(heard=False)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (["--level", "purple"], UsageError, "--level is 'purple', expected one of blue"),
        (["--scenario", "nosuch"], UsageError, "--scenario is 'nosuch', expected one of"),
        (["--broker", NOBODY], MissingError, f"no Kafka broker answers at {NOBODY}"),
    ],
)
def test_what_cannot_be_watched_is_refused(options, error, text):
    result = CliRunner().invoke(app, ["alerts", "watch", "--once", *options])
    assert isinstance(result.exception, error)
    assert text in str(result.exception)
