"""The words of the product in Chinese and English, from `citybrain/locale/*.toml`; both files have the same keys."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@cache
def messages(language: Language) -> dict[str, str]:
    """Return key -> text of one language, keys with dots for the tables of the file."""
    text = files("citybrain").joinpath("locale", f"{language}.toml").read_text(encoding="utf-8")
    return dict(_flat("", tomllib.loads(text)))


def say(language: Language, key: str, /, **values: object) -> str:
    """Return the text of the key in the language, with its `{places}` filled. A missing key is our own mistake."""
    text = messages(language).get(key)
    assert text is not None, f"no text {key} in {language}.toml"
    return text.format(**values) if values else text


def _flat(prefix: str, table: dict[str, object]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            pairs += _flat(f"{prefix}{key}.", value)
        else:
            pairs.append((f"{prefix}{key}", str(value)))
    return pairs
