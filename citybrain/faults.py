"""What is wrong with something that a person wrote, said in both languages."""

from citybrain.i18n import Language, say


class Fault(ValueError):  # noqa: N818 - it is what an author did wrong, as a problem names it
    """A fault of a text or of a group of fields; its message as an exception is the English one.

    `key` names the text in the locale files, under `fault.`; `values` fill its places.
    """

    def __init__(self, key: str, /, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(self.in_language("en"))

    def in_language(self, language: Language) -> str:
        """Return what is wrong, in `zh` or `en`."""
        return say(language, f"fault.{self.key}", **self.values)


def said_by(error: ValueError) -> dict[str, object]:
    """Return the values of a problem that quotes an error: the fault itself where it is one, else its text."""
    return {"fault": error} if isinstance(error, Fault) else {"text": str(error)}
