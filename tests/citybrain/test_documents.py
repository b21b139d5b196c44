"""Author files: YAML 1.2, the place of everything, and the slips of Chinese input methods."""

import pytest
from pydantic import BaseModel, ConfigDict

from citybrain.documents import load, validated
from citybrain.i18n import LANGUAGES


@pytest.fixture
def loaded(tmp_path):
    def read(text: str | bytes):
        path = tmp_path / "a.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return load(path)

    return read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:30", "22:30"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("no", "no"),
        ("y", "y"),
        ("2026-06-20", "2026-06-20"),
        ("2026-06-20T22:30:00+08:00", "2026-06-20T22:30:00+08:00"),
        ("02-20..04-10", "02-20..04-10"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("5.0", 5.0),
        ("1e3", 1000.0),
        ("007", "007"),
        ("331102", 331102),
        ('"331102"', "331102"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("1.2.3", "1.2.3"),
        ("4.5 m", "4.5 m"),
        ("5min", "5min"),
        ("=", "="),
        ("!!int abc", "abc"),
        ("!!python/object:os.system x", "x"),
        ("[1, on, 22:30]", [1, "on", "22:30"]),
    ],
)
def test_scalars_are_those_of_yaml_1_2(loaded, text, expected):
    document, problems = loaded(f"a: {text}\n")
    assert problems == []
    assert document is not None
    found = document.data["a"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("key", ["on", "22:30", "2026-06-20", "yes", "1", "true"])
def test_keys_stay_texts(loaded, key):
    document, _ = loaded(f"{key}: x\n")
    assert document is not None
    assert document.data == {key: "x"}


@pytest.mark.parametrize(
    "text", ["\ufeffa: 1\n", "a: 1\r\n", "%YAML 1.1\n---\na: 1\n", "a: 1", "# 注：\na: 1 # 注：\n"]
)
def test_what_editors_add_does_no_harm(loaded, text):
    document, problems = loaded(text)
    assert problems == []
    assert document is not None
    assert document.data == {"a": 1}


TREE = """\
rules:
  - id: a
    limits:
      - {measure: stage, at_least: {blue: 4 m}}
  - id: b
"""


@pytest.mark.parametrize(
    ("loc", "expected"),
    [
        ((), (1, 1)),
        (("rules",), (1, 1)),
        (("rules", 0), (2, 5)),
        (("rules", 1), (5, 5)),
        (("rules", 1, "id"), (5, 5)),
        (("rules", 0, "limits", 0), (4, 9)),
        (("rules", 0, "limits", 0, "at_least"), (4, 26)),
        (("rules", 0, "limits", 0, "at_least", "blue"), (4, 37)),
        (("rules", 0, "limits", 0, "at_least", "red"), (4, 26)),
        (("rules", 0, "threshold", "limits", 0, "measure"), (4, 10)),
        (("rules", 7), (1, 1)),
        (("nothing",), (1, 1)),
    ],
)
def test_everything_has_a_place(loaded, loc, expected):
    document, _ = loaded(TREE)
    assert document is not None
    assert document.place(loc) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [(1, 1, "R102")], id="empty"),
        pytest.param("# 注\n", [(1, 1, "R102")], id="a remark alone"),
        pytest.param(b"\xff\xfea\x00", [(1, 1, "R100")], id="UTF-16"),
        pytest.param("名: 甲".encode("gbk"), [(1, 1, "R100")], id="GBK"),
        pytest.param("a: [1\n", [(2, 1, "R101")], id="open bracket"),
        pytest.param("a: 1\n---\nb: 2\n", [(2, 1, "R101")], id="two documents"),
        pytest.param("a: *x\n", [(1, 4, "R101")], id="alias of nothing"),
        pytest.param("a: 1\nb: 2\na: 3\n", [(3, 1, "R103")], id="key twice"),
        pytest.param('a: 1\n"a": 2\n', [(2, 1, "R103")], id="key twice, once in quotes"),
        pytest.param("x: [{a: 1, a: 2}, {b: 1, b: 2}]\n", [(1, 12, "R103"), (1, 26, "R103")], id="two keys twice"),
        pytest.param("\ta: 1\n", [(1, 1, "R107")], id="tab"),
        pytest.param("a:\n\u00a0 b: 1\n", [(2, 1, "R107")], id="hard space"),
        pytest.param("zh：空气\n", [(1, 3, "R106")], id="colon of a key"),
        pytest.param("- id： a\n", [(1, 5, "R106")], id="colon of a key in a list"),
        pytest.param("a: ｛b: 1}\n", [(1, 4, "R106")], id="brace"),
        pytest.param("a: ［1]\n", [(1, 4, "R106")], id="bracket"),
        pytest.param("a: “b”\n", [(1, 4, "R106")], id="quotes"),
        pytest.param("a：1\nb：2\n", [(1, 2, "R106"), (2, 2, "R106")], id="all of them"),
        pytest.param("a: {zh：空气, en: Air}\n", [(1, 7, "R106")], id="colon of a key in braces"),
        pytest.param("- {at：4h, level: yellow}\n", [(1, 6, "R106")], id="colon of a key in braces in a list"),
        pytest.param("a: {kind： [b]}\n", [(1, 9, "R106")], id="colon before a list in braces"),
        pytest.param("a: {blue: 20 mm，yellow: 30 mm}\n", [(1, 16, "R106")], id="comma in braces"),
        pytest.param("a: {b: 1｝\n", [(1, 9, "R106")], id="closing brace"),
    ],
)
def test_a_fault_of_the_file_is_found_at_its_place(loaded, text, expected):
    document, problems = loaded(text)
    assert document is None
    assert [(problem.line, problem.column, problem.code) for problem in problems] == expected
    for problem in problems:
        for language in LANGUAGES:
            assert problem.line_of_report(language)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('zh: "说明：甲，乙"\n', "说明：甲，乙", id="double quotes"),
        pytest.param("zh: '说明：“甲”，［乙］｛丙｝'\n", "说明：“甲”，［乙］｛丙｝", id="single quotes"),
        pytest.param("zh: 水位：超过“警戒”\n", "水位：超过“警戒”", id="plain"),
        pytest.param("zh: it's 说：x\n", "it's 说：x", id="plain with an apostrophe"),
        pytest.param("zh: “暴雨”预警\n", "“暴雨”预警", id="plain, with a quoted word first"),
        pytest.param("zh: >-\n  说明：甲，\n  “乙”。\n", "说明：甲， “乙”。", id="folded"),
        pytest.param("zh: |\n  第一：甲\n  第二：乙\n", "第一：甲\n第二：乙\n", id="kept lines"),
        pytest.param('zh: "第一行\n  第二：行"\n', "第一行 第二：行", id="quotes over two lines"),
        pytest.param("zh: 第一行\n  第二：行\n", "第一行 第二：行", id="plain over two lines"),
    ],
)
def test_chinese_prose_is_left_alone(loaded, text, expected):
    document, problems = loaded(text)
    assert [problem.line_of_report("en") for problem in problems] == []
    assert document is not None
    assert document.data == {"zh": expected}


@pytest.mark.parametrize("item", ["气象灾害：12 h", "“暴雨”的定义", "{zh: 空气：好, en: Air}"])
def test_chinese_prose_in_a_list_is_left_alone(loaded, item):
    document, problems = loaded(f"source:\n  - {item}\n")
    assert [problem.line_of_report("en") for problem in problems] == []
    assert document is not None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('a: "\x07"\n', id="a bell"),
        pytest.param("a: \x00\n", id="a zero byte"),
        pytest.param("a: &x [*x]\n", id="a list that holds itself"),
        pytest.param(f"a: {'1' * 5000}\n", id="a number of 5000 digits"),
        pytest.param("[" * 3000, id="3000 open brackets"),
    ],
)
def test_nothing_that_an_author_writes_raises(loaded, text):
    document, problems = loaded(text)
    assert document is None
    assert problems


def test_a_missing_file_is_a_problem(tmp_path):
    document, problems = load(tmp_path / "no.yaml")
    assert document is None
    assert [problem.code for problem in problems] == ["R100"]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    depth_m: float
    names: tuple[str, ...] = ()


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner
    count: int = 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inner: {depth_m: 1}\n", []),
        (
            "inner: {dept_m: 1}\n",
            ["1:1: R105 the field “depth_m” is missing", "1:9: R104 unknown field “dept_m”; did you mean “depth_m”?"],
        ),
        ("inner: {depth_m: 1}\nzzz: 1\n", ["2:1: R104 unknown field “zzz”"]),
        ("count: 1\n", ["1:1: R105 the field “inner” is missing"]),
        (
            "inner: {depth_m: x}\n",
            ["1:9: R109 found 'x', expected a number"],
        ),
        ("- 1\n", ["1:1: R109 found [1], expected a group of fields, each `name: value`"]),
        ("inner: {depth_m: 1}\ncount: 1\ndepth_m: 2\n", ["3:1: R104 unknown field “depth_m”"]),
    ],
)
def test_faults_of_the_shape_have_place_code_and_hint(loaded, text, expected):
    document, _ = loaded(text)
    assert document is not None
    model, problems = validated(document, Outer)
    assert (model is None) == bool(expected)
    found = sorted(f"{one.line}:{one.column}: {one.code} {one.text('en')}" for one in problems)
    assert found == expected
