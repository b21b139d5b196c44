import re
from string import Formatter

import pytest

from citybrain.i18n import LANGUAGES, messages, say
from citybrain.model import Level

KEYS = sorted(messages("zh").keys() | messages("en").keys())


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys():
    assert messages("zh").keys() == messages("en").keys()


@pytest.mark.parametrize("key", KEYS)
def test_a_text_has_the_same_places_in_both_languages(key):
    zh, en = messages("zh")[key], messages("en")[key]
    assert places(zh) == places(en)
    assert "" not in places(zh), "places have names"


@pytest.mark.parametrize("key", KEYS)
def test_no_text_is_empty_or_in_the_wrong_language(key):
    assert messages("zh")[key].strip()
    assert messages("en")[key].strip()
    assert not re.search(r"[一-鿿]", messages("en")[key])


@pytest.mark.parametrize("language", LANGUAGES)
def test_places_are_filled(language):
    values = {name: f"<{name}>" for name in places(messages(language)["alert.raised"])}
    said = say(language, "alert.raised", **values)
    assert all(value in said for value in values.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_with_braces_is_taken_as_it_is(language):
    assert "{x}" in say(language, "problem.R110.text", text="{x}")


def test_every_level_has_words():
    for language in LANGUAGES:
        for level in Level:
            assert level.numeral in say(language, f"level.{level.value}")


def test_a_key_that_is_not_there_is_our_own_mistake():
    with pytest.raises(AssertionError, match=r"no text nothing\.here in zh\.toml"):
        say("zh", "nothing.here")
