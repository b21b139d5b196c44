"""What the sensors send in the simulation, what has to come of it, and the comparison of the two."""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from citybrain.alerts import AlertEvent
from citybrain.codec import CONTROL_HEADER, decode_event, encode_reset, encode_switch
from citybrain.instants import MINUTE, SECOND, format_instant, parse_instant
from citybrain.model import Reason, Rejection, Reset, Scenario, Switch
from rules.areas.stage import AreaStage
from rules.intake import FeedRecord, Intake, Output
from rules.ruleset import RuleSet
from rules.sitewise import SitewiseEngine
from scenarios.actions import ACTIONS, Action

START = parse_instant("2026-06-20T08:00:00+08:00")
SITES = ("hs-a", "hs-b", "hs-c", "hs-d", "hs-e", "hs-f")
RAISES = b'"poison":1'  # Judging a record that holds this raises an exception,
KILLS = b'"poison":2'  # and judging one that holds this ends the process.
SETTLE_TURNS_MAX = 60_000
WORDS = {"zh": "某", "en": "Something."}
_COMMON = {
    "hazard": "flood",
    "name": WORDS,
    "source": ["a test [E]"],
    "cause": WORDS,
    "consequence": WORDS,
    "action": WORDS,
    "respond_within": "10min",
    "false_positives": WORDS,
    "min_life": "0s",
}
_GAUGES = {"where": {"kind": ["river-gauge"]}, "measure": {"metric": "stage"}}


def rules(limit: int, *, all_of_them: bool, area: str = "4 m", over: str | None = None) -> list[dict[str, Any]]:
    """Return the rules of a set: thresholds, a silence, a latched one, one that waits, and two over several sites.

    `area` is the limit of one over several sites; with `over` it looks at the greatest value of such a span.
    """
    window = {"take": "max", "over": over} if over is not None else {}
    level = {"type": "threshold", **_GAUGES, **_COMMON}
    stage = {"at_least": {"blue": f"{limit} m", "red": "6 m"}}
    found = [
        {"id": "aa-01", **level, **stage, "keep_firing_for": "2min"},
        {"id": "aa-02", "type": "no_data", "where": _GAUGES["where"], **_COMMON, "silent_for": {"blue": "3.5 periods"}},
        {"id": "aa-04", **level, **stage, "for": "3min", "keep_firing_for": "6min"},
        {
            "id": "aa-05",
            "type": "area",
            "group_by": {"whole": "county"},
            "measure": {"metric": "stage", **window},
            **_COMMON,
            "at_least": {"blue": area},
            "keep_firing_for": "3min",
        },
        {
            "id": "aa-07",
            "type": "area",
            "group_by": {"whole": "city"},
            "measure": {"alerts": ["aa-01", "aa-02", "aa-04"], "across": "count", "over": "5min"},
            **_COMMON,
            "at_least": {"blue": "2 alerts", "yellow": "4 alerts"},
        },
    ]
    if all_of_them:
        # Only the incident stage minds this.
        found[1]["inhibits"] = [{"rule": "aa-01", "level": "blue"}]
        latched = {"at_least": {"orange": "5 m"}, "urgent": True, "latched": True}
        found.insert(2, {"id": "aa-03", **level, **latched})
        found.append({"id": "aa-06", **level, "at_least": {"blue": "3 m"}, "status": "trial"})
    return found


def actions(dice: random.Random, journal: list[Any]) -> Iterator[Action]:
    """Yield what a person does about one of the alerts that a journal tells of, now and then."""
    events = [entry for entry in journal if entry.key is not None and len(entry.key) == len("0" * 32)]
    if not events or dice.random() < 0.7:
        return
    alert, number = dice.choice(events).key.decode(), f"{dice.getrandbits(128):032x}"
    what = {"id": number, "by": "duty-7", "kind": "acknowledge", "alert": alert}
    if dice.random() < 0.3:
        what = {"id": number, "by": "duty-8", "kind": "comment", "about": alert, "text": "x"}
    elif dice.random() < 0.2:
        what["kind"] = "reset"
    action = ACTIONS.validate_python(what)
    yield from [action] * dice.choice((1, 1, 2))


class Story:
    """What comes in: readings, repeated and late ones, rubbish, orders, new rule sets, records that kill."""

    def __init__(self, seed: int, *, sets: int) -> None:
        self._dice = random.Random(-seed - 1)
        self._sets = sets
        self.published = 0
        self._sent: list[Any] = []

    def span(self) -> int:
        """Return how long it takes until the next record comes."""
        return self._dice.choice((0, 1, 5, 20, 40, 40, 120)) * SECOND if self._dice.random() < 0.99 else 25 * MINUTE

    def records(self, at: int, make: Callable[..., Any], place_of: Callable[[str], Any]) -> Iterator[Any]:
        """Yield the records of one moment; `make` builds one from site, value, and headers."""
        site, roll = self._dice.choice(SITES), self._dice.random()
        if roll < 0.78:
            one = make(place_of(site), site, self._reading(site, at))
            self._sent.append(one)
            yield one
        elif roll < 0.84 and self._sent:
            yield self._dice.choice(self._sent[-30:])  # Sent once more.
        elif roll < 0.90:
            wrong = self._dice.choice((b"{", b'{"site":"hs-a"}', self._reading("hs-x", at), self._reading("hs-a", at)))
            yield make(place_of(site), self._dice.choice((site, "hs-b", "hs-x")), wrong)
        elif roll < 0.94:
            order = encode_reset(Reset("aa-03", site))
            for place in sorted({place_of(one) for one in SITES}):
                yield make(place, None, order, "reset")
        elif roll < 0.96 and self._sets > 1:
            self.published = min(self.published + 1, self._sets - 1)
            for place in sorted({place_of(one) for one in SITES}):
                if self._dice.random() < 0.1:  # Something else than an owner tells a partition of a set.
                    number = self._dice.randint(0, self._sets)
                    yield make(place, None, encode_switch(Switch(number)), "catalog")
        elif roll < 0.97:
            poison = RAISES if self._dice.random() < 0.6 else KILLS
            yield make(place_of(site), site, b"{" + poison + b"}")

    def _reading(self, site: str, at: int) -> bytes:
        late = self._dice.choice((0, 0, 0, 1, 2, 10)) * MINUTE
        stage = self._dice.choice((1.0, 1.5, 3.5, 4.2, 4.5, 5.5, 6.5))
        data = {"site": site, "observed_at": format_instant(at - late), "values": {"stage": stage}}
        return json.dumps(data).encode()


def fragile(killed: type[BaseException]) -> type[Intake]:
    """Return an intake that some records are too much for."""

    class Fragile(Intake):
        def accept(self, record: FeedRecord) -> Output:
            if record.value is not None and RAISES in record.value:
                raise ZeroDivisionError
            if record.value is not None and KILLS in record.value:
                raise killed
            return super().accept(record)

    return Fragile


@dataclass
class Replayed:
    """What a log gives, judged in one go and without workers."""

    due: dict[str, set[Any]]  # By topic.
    snapshot: bytes
    signals: set[Any]  # (source, offset, ordinal, signal, what it measures)
    moments: list[tuple[int, list[Any], list[AlertEvent]]]  # For the area stage: time, signals and measures, events.


def replay(
    place: Any, log: Any, sets: list[RuleSet], outputs: Any, place_of: Callable[[str], Any], source: Any
) -> Replayed:
    """Judge the log of a feed partition."""

    def expected(rules: RuleSet) -> list[str]:
        return [site for site in rules.registry.sites if site.startswith("hs-") and place_of(site) == place]

    number, due = 0, defaultdict(set)
    signals, moments = set(), []
    engine = SitewiseEngine(sets[0], expects=expected(sets[0]))
    for entry in log.entries:
        one = source(entry, place)
        offset, record = one
        intake = Intake(engine)
        if record.value is not None and (RAISES in record.value or KILLS in record.value):
            text = "judging this record failed; see the worker's log"
            output = intake.refuse(record, Rejection(Reason.ENGINE_ERROR, text))
            alert = outputs.own_alert(
                "engine-error", catalog=engine.catalog, where=outputs.at_offset(offset), at=record.at
            )
            _note(due, outputs.event(alert))
        elif record.key is not None and place_of(record.key.decode()) != place:
            text = f"the key {record.key!r} belongs to another partition than {place.partition}"
            output = intake.refuse(record, Rejection(Reason.MISROUTED, text))
        else:
            output = intake.accept(record)
        events, rejections = list(output.events), list(output.rejections)
        signatures = engine.signatures
        if record.headers.get(CONTROL_HEADER) == b"catalog":
            wanted = json.loads(record.value)["number"]
            if wanted >= len(sets):
                rejections.append(Rejection(Reason.SCHEMA, f"number: no rule set {wanted} is in the catalog"))
            elif wanted > number:
                number = wanted
                engine, ended = engine.under(sets[number], expects=expected(sets[number]))
                events += ended
        _note(due, [sent for event in events for sent in outputs.event(event)])
        _note(due, [outputs.rejection(rejection, one) for rejection in rejections])
        told: dict[str, list[Any]] = defaultdict(list)
        for signal in output.signals:
            told[signal.site].append(signal)
        signals |= {
            (place, offset, n, one_of, signatures[one_of.rule])
            for each in told.values()
            for n, one_of in enumerate(each)
        }
        moments.append((engine.at or 0, [(signal, signatures[signal.rule]) for signal in output.signals], events))
    return Replayed(due, engine.snapshot(), signals, moments)


def replay_areas(
    switches: list[tuple[int, RuleSet]], sources: list[Replayed], *, upto: int
) -> set[tuple[str, int, str]]:
    """Judge what all sources tell, in the order of time and before a time; return the events.

    `switches` are times, and the rule sets from then on.
    """
    # A deadline falls due with the next record of its partition, and counts as of its own time.
    moments: dict[int, tuple[list[Any], list[AlertEvent]]] = defaultdict(lambda: ([], []))
    for at, signals, events in (one for each in sources for one in each.moments):
        moments[at]  # A time at which nothing came is one all the same.
        for signal, measures in signals:
            moments[signal.at][0].append((signal, measures))
        for event in events:
            if event.scenario is not Scenario.SYSTEM:
                moments[event.sent][1].append(event)
    found: list[AlertEvent] = []
    held: dict[str, AlertEvent] = {}
    stage: AreaStage | None = None
    ends = [*(at for at, _ in switches[1:]), upto]
    for (_, rules), end in zip(switches, ends, strict=True):
        plan, before, stage = rules.areas.plan, stage, AreaStage(rules.areas.plan)
        if before is not None:
            found += stage.restore(before.snapshot(), [one for one in held.values() if one.rule.id in plan.hazards])
        for at in sorted(at for at in moments if at < end):
            signals, events = moments.pop(at)
            now = [signal for signal, measures in signals if plan.signatures.get(signal.rule) == measures]
            found += stage.take(at, now, [event for event in events if event.rule.id in plan.hazards])
            for event in sorted(events, key=lambda event: event.sequence):
                held[event.identifier] = event
                if event.state.value == "cleared":
                    del held[event.identifier]
        found += stage.take(end - 1, [], [])
        found += stage.finish()
    return {(event.identifier, event.sequence, event.rule.catalog) for event in found}


def _note(due: dict[str, set[Any]], records: list[Any]) -> None:
    for sent in records:
        due[sent.topic].add((sent.key, sent.value, sent.headers))


def chain_faults(journal: list[bytes]) -> list[str]:
    """Return what is wrong with a journal in itself: an event that contradicts another, or one that is missing."""
    values: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for value in journal:
        event = decode_event(value)
        if event.scenario is not Scenario.SYSTEM:
            values[event.identifier, event.sequence].add(value)
    faults = [f"{key} has {len(found)} versions" for key, found in values.items() if len(found) > 1]
    faults += [
        f"{name}/{number - 1} is missing" for name, number in values if number > 1 and (name, number - 1) not in values
    ]
    return faults


def open_in(journal: list[bytes]) -> dict[str, int]:
    """Return identifier -> last sequence of the alerts that a journal leaves open."""
    last: dict[str, Any] = {}
    for value in journal:
        event = decode_event(value)
        if event.scenario is not Scenario.SYSTEM:
            known = last.get(event.identifier)
            last[event.identifier] = event if known is None or known.sequence < event.sequence else known
    return {name: event.sequence for name, event in last.items() if event.state.value != "cleared"}
