"""Time lines of `rules.lifecycle.advance`, one verdict a minute.

A verdict is written as the highest level that is met: `4` red down to `1` blue, `0` none and clear, `p` met but not
for long enough, `?` no data, and `!` behind it for a gap in the data before it. An outcome is the state and the rank:
`P` pending, `F` firing, `R` recovering, `C` cleared, `-` none of these; and what is published: `+` raised, `^`
escalated, `v` stepped down, `.` cleared, `o` over and `b` back (latched). A verdict `r` is no verdict but a reset.
"""

from itertools import product

import pytest

from citybrain.alerts import Ending, State
from citybrain.codec import encode_event
from citybrain.instants import MINUTE
from citybrain.model import Reset
from rules.lifecycle import Alert, Step, Timing, Verdict, advance, reset
from rules.publishing import THE_SITE

LETTERS = {None: "-", State.PENDING: "P", State.FIRING: "F", State.RECOVERING: "R", State.CLEARED: "C"}
SIGNS = {
    None: "",
    Step.RAISED: "+",
    Step.ESCALATED: "^",
    Step.STEPPED_DOWN: "v",
    Step.CLEARED: ".",
    Step.OVER: "o",
    Step.BACK: "b",
    Step.SETTLED: "s",
}


def verdict_of(word: str, instant: int) -> Verdict:
    what, broke_off = word[0], word.endswith("!")
    if what == "?":
        return Verdict(instant, 0, None, (None,) * 4, None, broke_off)
    if what == "p":
        return Verdict(instant, 0, instant, (False, True, True, True), False, broke_off)
    level = int(what)
    good = (level < 1, level < 2, level < 3, level < 4)
    return Verdict(instant, level, instant if level else None, good, level == 0, broke_off)


def outcomes(words: str, timing: Timing) -> str:
    alert, told = Alert(), []
    for minute, word in enumerate(words.split()):
        if word == "r":
            after = reset(alert, timing)
            alert, step = (alert, None) if after is None else (after, Step.CLEARED)
        else:
            alert, step = advance(alert, verdict_of(word, minute * MINUTE), timing)
        rank = alert.rank if alert.is_open else ""
        told.append(f"{LETTERS[alert.state]}{rank}{SIGNS[step]}")
    return " ".join(told)


@pytest.mark.parametrize(
    ("keep", "words", "expected"),
    [
        # minute        0   1   2   3   4   5   6   7
        pytest.param(2, "0   0   0", "- - -", id="nothing happens"),
        pytest.param(2, "0   p   p   1", "- P P F1+", id="pending until it has lasted"),
        pytest.param(2, "p   0   p   0", "P - P -", id="pending ends unseen"),
        pytest.param(2, "p   ?   p", "P - P", id="unknown data end pending"),
        pytest.param(2, "0   4", "- F4+", id="raised straight to the highest"),
        pytest.param(2, "1   2   4", "F1+ F2^ F4^", id="escalates at once"),
        pytest.param(2, "1   4   1", "F1+ F4^ F4", id="one spike stays for the hold time"),
        pytest.param(0, "4   2   0", "F4+ F2v C.", id="without a hold time down at once"),
        pytest.param(2, "4   2   2   2", "F4+ F4 F4 F2v", id="steps down after the hold time"),
        pytest.param(2, "4   2   4   2   2   2", "F4+ F4 F4 F4 F4 F2v", id="back up: the timer starts anew"),
        pytest.param(3, "4   3   1   1   1   1", "F4+ F4 F4 F4 F3v F1v", id="parallel timers, two levels in one step"),
        pytest.param(2, "4   1   1   1", "F4+ F4 F4 F1v", id="three levels in one step"),
        pytest.param(2, "3   0   0   1   0   0   0", "F3+ R3 R3 F1v R1 R1 C.", id="higher timers run while recovering"),
        pytest.param(2, "1   0   0   0", "F1+ R1 R1 C.", id="clears after the hold time"),
        pytest.param(2, "4   0   0   0", "F4+ R4 R4 C.", id="clears without passing the levels between"),
        pytest.param(2, "1   0   1   0   0   0", "F1+ R1 F1 R1 R1 C.", id="recovering and back"),
        pytest.param(2, "1   0   2", "F1+ R1 F2^", id="recovering, then worse"),
        pytest.param(2, "1   0   p   0   0   0", "F1+ R1 F1 R1 R1 C.", id="a value between the limits holds"),
        pytest.param(2, "1   0   0!  0   0", "F1+ R1 R1 R1 C.", id="a gap starts the clearing timer anew"),
        pytest.param(2, "4   2   2!  2   2", "F4+ F4 F4 F4 F2v", id="a gap starts the level timers anew"),
        pytest.param(2, "1!  0!  0!  0!  0!", "F1+ R1 R1 R1 R1", id="data full of gaps never clear"),
        pytest.param(0, "1   ?   ?   ?", "F1+ F1 F1 F1", id="no data never clear"),
        pytest.param(0, "4   ?   ?   ?", "F4+ F4 F4 F4", id="no data never step down"),
        pytest.param(2, "1   0   ?   0   0   0", "F1+ R1 F1 R1 R1 C.", id="no data start the timer anew"),
        pytest.param(1, "1   0   0   0   p   1", "F1+ R1 C. - P F1+", id="a second episode"),
        pytest.param(0, "1   0   1   0", "F1+ C. F1+ C.", id="raised again right after clearing"),
    ],
)
def test_the_life_of_an_alert(keep, words, expected):
    assert outcomes(words, Timing(keep * MINUTE, 0)) == expected


@pytest.mark.parametrize(
    ("min_life", "words", "expected"),
    [
        # minute      0   1   2   3   4   5
        pytest.param(4, "1   0   0   0   0", "F1+ R1 R1 R1 C.", id="young alerts stay"),
        pytest.param(4, "1   0   2   0   0", "F1+ R1 F2^ R1v C.", id="life counts from raising, not from escalating"),
        pytest.param(4, "4   2   2", "F4+ F2v F2", id="levels are left at any age"),
        pytest.param(0, "1   0", "F1+ C.", id="none"),
    ],
)
def test_an_alert_lives_for_its_minimum(min_life, words, expected):
    assert outcomes(words, Timing(0, min_life * MINUTE)) == expected


@pytest.mark.parametrize(
    ("min_life", "words", "expected"),
    [
        # minute        0   1   2   3   4   5   6   7          the hold time is 2 minutes
        pytest.param(0, "1   0   0   0   0", "F1+ F1 F1 R1o R1", id="over, and waits"),
        pytest.param(0, "1   0   0   0   r", "F1+ F1 F1 R1o C.", id="reset when it is over"),
        pytest.param(0, "1   r   0   0   0", "F1+ F1 F1 F1 R1o", id="a reset while the condition holds is nothing"),
        pytest.param(0, "1   0   r   0   0   0", "F1+ F1 F1 R1o R1 R1", id="nor one before the hold time is over"),
        pytest.param(5, "1   0   0   0   r   0   r", "F1+ F1 F1 F1 F1 R1o C.", id="nor one within the minimum life"),
        pytest.param(0, "4   1   1   1   1", "F4+ F4 F4 F4 F4", id="its level never goes down"),
        pytest.param(0, "1   4   0   0   0   r", "F1+ F4^ F4 F4 R4o C.", id="its level goes up"),
        pytest.param(0, "1   0   0   0   1   r", "F1+ F1 F1 R1o F1b F1", id="the condition is back"),
        pytest.param(0, "1   0   0   0   2", "F1+ F1 F1 R1o F2^", id="back and worse"),
        pytest.param(
            0, "1   0   0   0   p   0", "F1+ F1 F1 R1o F1b F1", id="a value between the limits is no more over"
        ),
        pytest.param(0, "1   0   0   0   ?   r", "F1+ F1 F1 R1o R1 C.", id="what was over stays so without data"),
        pytest.param(0, "1   0   ?   ?   ?   r", "F1+ F1 F1 F1 F1 F1", id="missing data are not over"),
        pytest.param(0, "1   0   0   0   r   r   1", "F1+ F1 F1 R1o C. C F1+", id="a second reset, a second episode"),
    ],
)
def test_a_latched_alert_waits_for_its_reset(min_life, words, expected):
    assert outcomes(words, Timing(2 * MINUTE, min_life * MINUTE, latched=True)) == expected


def test_what_is_not_latched_knows_no_reset():
    assert outcomes("1 0 r 0 0", Timing(3 * MINUTE, 0)) == "F1+ R1 R1 R1 C."


@pytest.mark.parametrize(
    ("lowest", "words", "expected"),
    [
        pytest.param(2, "4   1   1   1", "F4+ F2v F2 F2", id="below yellow there is only clearing"),
        pytest.param(4, "4   1   0", "F4+ F4 C.", id="red alone"),
        pytest.param(3, "2   1", "F2+ F2", id="a rank below the lowest stays, as after a change of the rule"),
    ],
)
def test_the_lowest_level_is_left_by_clearing_only(lowest, words, expected):
    assert outcomes(words, Timing(0, 0, lowest)) == expected


@pytest.mark.parametrize(
    ("last", "since", "expected"),
    [
        pytest.param(None, 70, 70, id="the first begins when its condition did"),
        pytest.param(None, None, 100, id="without a beginning it is the instant"),
        pytest.param(60, 70, 70, id="later than the last"),
        pytest.param(70, 70, 71, id="as the last"),
        pytest.param(90, 70, 91, id="before the last"),
    ],
)
def test_an_onset_is_strictly_later_than_the_last(last, since, expected):
    alert = Alert(State.CLEARED, 1, onset=last) if last is not None else Alert()
    after, step = advance(alert, Verdict(100, 1, since, (False,) * 4, False), Timing(0, 0))
    assert step is Step.RAISED
    assert after.onset == expected
    assert after.fired_at == 100


def test_escalating_and_stepping_down_keep_identity_and_onset():
    first, _ = advance(Alert(), verdict_of("1", 0), Timing(0, 0))
    first = Alert(first.state, first.rank, "abc", 3, first.onset, first.fired_at, no_data=True)
    up, _ = advance(first, verdict_of("4", MINUTE), Timing(0, 0))
    down, _ = advance(up, verdict_of("2", 2 * MINUTE), Timing(0, 0))
    for alert in (up, down):
        assert (alert.identifier, alert.sequence, alert.onset, alert.no_data) == ("abc", 3, 0, True)


@pytest.mark.parametrize("state", [None, State.PENDING, State.CLEARED, State.FIRING, State.RECOVERING])
@pytest.mark.parametrize("word", ["0", "p", "1", "4", "?"])
def test_every_state_takes_every_verdict(state, word):
    is_open = state in (State.FIRING, State.RECOVERING)
    alert = Alert(state, 2 if is_open else 0, onset=0, fired_at=0 if is_open else None)
    after, step = advance(alert, verdict_of(word, MINUTE), Timing(10 * MINUTE, 0))
    assert (step is Step.RAISED) == (not is_open and word in "14")
    assert (step is Step.ESCALATED) == (is_open and word == "4")
    assert after.is_open == (is_open or step is Step.RAISED)


def test_no_sequence_of_verdicts_leaves_the_ladder():
    # All 6^5 lines of five verdicts: ranks stay in 1 to 4 while open, and only what is open steps or clears.
    for words in product("0p14?2", repeat=5):
        alert = Alert()
        for minute, word in enumerate(words):
            was_open = alert.is_open
            alert, step = advance(alert, verdict_of(word, minute * MINUTE), Timing(MINUTE, 0))
            assert not alert.is_open or 1 <= alert.rank <= 4
            assert step in ((None, Step.RAISED) if not was_open else (None, *list(Step)[1:]))


# The same in the engine, a value every 5 minutes: `_` is a missing one, `r` a reset. Published are further `n` data
# lost, `d` data back, `s` flapping has ended; `~` behind an outcome says that its event is marked as flapping.
# The table of docs/rules.md, "The life of an alert", has a row for each sign.


def sign_of(event, before):
    if event.state is State.CLEARED:
        return "."
    if before is None:
        return "+"
    if event.level is not before.level:
        return "^" if event.level.rank > before.level.rank else "v"
    if event.no_data is not before.no_data:
        return "n" if event.no_data else "d"
    if event.latched and event.state is not before.state:
        return "o" if event.state is State.RECOVERING else "b"
    assert before.flapping
    assert not event.flapping
    return "s"


def drawn(driven, words, cut=None):
    """Return the outcome after each word; with a restart before the word at `cut`."""
    told, last = [], None
    for place, word in enumerate(words):
        if place == cut:
            before = driven.engine.snapshot()
            assert driven.restart().events == ()
            assert driven.engine.snapshot() == before
        seen, minute = len(driven.events), place * 5
        if word not in ("_", "r"):
            driven.send(minute, float(word))
        driven.wait(minute)
        if word == "r":
            driven.events += driven.engine.reset(Reset("aa-01", "hs-a"), at=driven.now).events
        signs = ""
        for event in driven.events[seen:]:
            signs += sign_of(event, last) + ("~" if event.flapping else "")
            last = event if event.state is not State.CLEARED else None
        state = driven.engine._sites["hs-a"] if driven.engine._sites else None
        alert = state.standings[0].alerts.get(THE_SITE) if state is not None else None
        told.append(f"{LETTERS[alert.state if alert is not None else None]}{signs}")
    return told


LADDER = {"at_least": {"blue": "4 m", "yellow": "6 m"}}
HELD = {"for_": "5min", "keep_firing_for": "10min"}
LATCHED = {"keep_firing_for": "5min", "latched": True}
SILENCE = {"type": "no_data", "measure": None, "silent_for": {"blue": "3.5 periods"}}
LINES = [
    # minute                       0 5 10 ...
    pytest.param(
        {**LADDER, **HELD},
        "1 4 4 6  6 4 4 4 1 1 1 1",
        "- P F+ F F^ F F Fv R R C. C",
        id="pending, raised, escalated, stepped down, recovering, cleared",
    ),
    pytest.param(
        {**LADDER, **HELD}, "4 1 4 4 1 4 1", "P - P F+ R F R", id="pending ends, recovering ends: told to nobody"
    ),
    pytest.param(LADDER, "4 _ _ _ _ _ 4 1", "F+ F F F Fn F Fd C.", id="data lost and back"),
    pytest.param({**LADDER, **HELD}, "4 4 1 _ _ _ _ 1 1 1", "P F+ R R R R Rn Rd R C.", id="data lost while recovering"),
    pytest.param(LADDER, "4 _ _ _ _ 6 1", "F+ F F F Fn F^ C.", id="data are back and worse"),
    pytest.param({**LADDER, **LATCHED}, "4 r 1 1 1 r 4", "F+ F F Ro R C. F+", id="latched, over, reset"),
    pytest.param({**LADDER, **LATCHED}, "6 4 1 1 4 1 1 r", "F+ F F Ro Fb F Ro C.", id="latched, back"),
    pytest.param({**LADDER, **LATCHED}, "4 1 1 _ _ _ _ r", "F+ F Ro R R R Rn C.", id="latched, no data, reset"),
    pytest.param(SILENCE, "1 _ _ _ _ _ 1 1", "- - - - F+ F C. C", id="silent"),
    pytest.param(
        {"at_least": {"blue": "4 m"}},
        "4 1 4 1 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 1",
        "F+ C. F+ C. F+~ F F F F F F F F F F F F F Fs C.",
        id="flapping and its end",
    ),
]


@pytest.mark.parametrize(("fields", "words", "expected"), LINES)
def test_what_is_published_in_the_life_of_an_alert(rig, fields, words, expected):
    assert drawn(rig(**fields), words.split()) == expected.split()


@pytest.mark.parametrize(("fields", "words", "expected"), LINES)
def test_a_restart_in_any_state_changes_nothing(rig, fields, words, expected):
    whole = rig(**fields)
    drawn(whole, words.split())
    for cut in range(len(words.split())):
        restarted = rig(**fields)
        assert drawn(restarted, words.split(), cut) == expected.split()
        assert [encode_event(event) for event in restarted.events] == [encode_event(event) for event in whole.events]
        assert restarted.engine.snapshot() == whole.engine.snapshot()


def test_an_alert_whose_rule_is_gone_is_told_to_have_ended(rig, rule, rules_of):
    driven = rig(**LADDER)
    driven.send(0, 4.0)
    driven.restart(rules_of(rule(id="bb-01")))
    assert [(event.state, event.ending) for event in driven.events[1:]] == [(State.CLEARED, Ending.RULE_ENDED)]
