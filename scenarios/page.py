"""A score as one page of HTML that needs nothing else: its pictures are SVG in the page, it loads no script or font."""

from collections.abc import Iterator
from html import escape

from citybrain.i18n import Language, say
from citybrain.instants import HOUR, format_clock_time, format_instant
from citybrain.model import Level
from scenarios.report import false_line, incident_line, load_lines
from scenarios.score import TEN_MINUTES, TEN_MINUTES_MAX, Alarm, Score

_WIDTH, _LEFT, _RIGHT = 1100, 210, 12
_ROW, _BAR = 24, 14
_CHART_HEIGHT = 130
_ROWS_MAX = 120  # Of incidents in the picture; the list below it has all.
_TICKS = 8
_FALSE_MAX = 500

# Colour and shape: a colour-blind reader and a black-and-white print see the level too.
_COLOURS = {Level.BLUE: "#2166c4", Level.YELLOW: "#d9b300", Level.ORANGE: "#e0731d", Level.RED: "#c1272d"}
_SHAPES = {
    Level.BLUE: "M{x},{y} m-4,0 a4,4 0 1,0 8,0 a4,4 0 1,0 -8,0",
    Level.YELLOW: "M{x},{y} m-4,-4 h8 v8 h-8 z",
    Level.ORANGE: "M{x},{y} m0,-5 l5,9 h-10 z",
    Level.RED: "M{x},{y} m0,-6 l6,6 l-6,6 l-6,-6 z",
}
_STYLE = """
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; margin: 2em auto; max-width: 1120px;
       color: #1c2733; background: #fff; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: #1c2733; }
li { margin: .15em 0; } .missed { color: #a31621; font-weight: 600; } .muted { color: #5b6773; }
"""


def page_of(score: Score, language: Language) -> str:
    """Return the whole page in one language."""
    title = say(language, "score.title", storyline=score.truth.storyline)
    found = len(score.findings) - len(score.misses)
    levels = "  ".join(f"{say(language, f'badge.{level}')} {count}" for level, count in score.false_levels.items())
    parts = [
        f'<!doctype html>\n<html lang="{language}">\n<meta charset="utf-8">\n<title>{escape(title)}</title>',
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>",
        f'<p class="muted">{format_instant(score.truth.start)} – {format_instant(score.truth.end)}</p>',
        _list([(line, "") for line in load_lines(score, language)]),
        f"<h2>{escape(say(language, 'score.timeline'))}</h2>",
        _timeline(score, language),
        f"<h2>{escape(say(language, 'score.ten_minutes', most=TEN_MINUTES_MAX))}</h2>",
        _chart(score),
        f"<h2>{escape(say(language, 'score.detected', found=found, incidents=len(score.findings)))}</h2>",
        _list([(incident_line(one, language), "" if one.alarms else "missed") for one in score.findings]),
        f"<h2>{escape(say(language, 'score.false', count=len(score.false), levels=levels))}</h2>",
        _list([(false_line(one, language), "") for one in score.false[:_FALSE_MAX]]),
    ]
    if len(score.false) > _FALSE_MAX:
        parts.append(f"<p>{escape(say(language, 'score.more', count=len(score.false) - _FALSE_MAX))}</p>")
    return "\n".join([*parts, "</html>\n"])


def _list(lines: list[tuple[str, str]]) -> str:
    items = [f'<li class="{kind}">{escape(line)}</li>' if kind else f"<li>{escape(line)}</li>" for line, kind in lines]
    return f"<ul>\n{chr(10).join(items)}\n</ul>"


def _timeline(score: Score, language: Language) -> str:
    """Return a picture with a row for each incident and one for the false alarms, a mark for each alarm."""
    findings = score.findings[:_ROWS_MAX]
    height = (len(findings) + 1) * _ROW + 30
    drawn = list(_axis(score, height - 24))
    for row, finding in enumerate(findings):
        top, incident = row * _ROW, finding.incident
        since, until = _x(score, incident.since), _x(score, incident.until)
        label = escape(f"{say(language, f'incident.{incident.kind}')} {incident.place}")
        drawn.append(f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{label}</text>')
        drawn.append(
            f'<rect x="{since:.1f}" y="{top + 4}" width="{max(2.0, until - since):.1f}" height="{_BAR}" fill="#c9d6e3">'
            f"<title>{escape(incident_line(finding, language))}</title></rect>"
        )
        drawn += [_mark(score, alarm, top + 11, language) for alarm in finding.alarms]
    bottom = len(findings) * _ROW
    label = escape(say(language, "score.false_row"))
    drawn.append(f'<text x="{_LEFT - 8}" y="{bottom + 15}" text-anchor="end">{label}</text>')
    drawn += [_mark(score, one.alarm, bottom + 11, language) for one in score.false]
    return _svg(height, drawn)


def _mark(score: Score, alarm: Alarm, y: int, language: Language) -> str:
    shape = _SHAPES[alarm.level].format(x=f"{_x(score, alarm.raised_at):.1f}", y=y)
    text = escape(f"{format_clock_time(alarm.raised_at)} {alarm.headline[language]} {alarm.rule}")
    return f'<path d="{shape}" fill="{_COLOURS[alarm.level]}" stroke="#fff"><title>{text}</title></path>'


def _chart(score: Score) -> str:
    """Return a picture of how many alarms sounded in each ten minutes, with the line of a flood."""
    most = max(TEN_MINUTES_MAX + 2, *score.tens)
    floor = _CHART_HEIGHT - 24
    drawn = list(_axis(score, floor))
    for place, count in enumerate(score.tens):
        if count:
            begins = score.truth.start + place * TEN_MINUTES
            left, right = _x(score, begins), _x(score, begins + TEN_MINUTES)
            tall = floor * count / most
            drawn.append(
                f'<rect x="{left:.1f}" y="{floor - tall:.1f}" width="{max(1.0, right - left - 0.5):.1f}" '
                f'height="{tall:.1f}" fill="#3b5b7c"><title>{format_clock_time(begins)}: {count}</title></rect>'
            )
    line = floor - floor * TEN_MINUTES_MAX / most
    drawn.append(f'<path d="M{_LEFT},{line:.1f} H{_WIDTH - _RIGHT}" stroke="#c1272d" stroke-dasharray="5 4"/>')
    drawn.append(f'<text x="{_LEFT - 8}" y="{line + 4:.1f}" text-anchor="end">{TEN_MINUTES_MAX}</text>')
    return _svg(_CHART_HEIGHT, drawn)


def _axis(score: Score, floor: int) -> Iterator[str]:
    step = -(-(score.truth.end - score.truth.start) // _TICKS // HOUR) * HOUR or HOUR
    yield f'<path d="M{_LEFT},{floor} H{_WIDTH - _RIGHT}" stroke="#8695a4"/>'
    for at in range(score.truth.start, score.truth.end + 1, step):
        x = _x(score, at)
        yield f'<path d="M{x:.1f},0 V{floor}" stroke="#e6ebf0"/>'
        yield f'<text x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{format_clock_time(at)[:-3]}</text>'


def _x(score: Score, at: int) -> float:
    share = (at - score.truth.start) / (score.truth.end - score.truth.start)
    return _LEFT + min(1.0, max(0.0, share)) * (_WIDTH - _LEFT - _RIGHT)


def _svg(height: int, drawn: list[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">\n{chr(10).join(drawn)}\n</svg>'
