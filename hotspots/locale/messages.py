"""Sentences that are English as a `str` and can be given in the other languages later.

What is wrong with a cell is found long before it is known who reads it: a `Message` keeps the key
of its sentence and the values in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from hotspots.errors import shortened
from hotspots.locale import number, text
from hotspots.locale.escaping import one_line

# What a sentence shows: a text, another message, or a function of the language.
Shown: TypeAlias = "str | int | float | Callable[[str], str]"


class Message(str):
    """A sentence of the catalogues with its values; as a `str` it is English.

    Parameters
    ----------
    key : str
        Dotted key of the catalogues.
    **values : Shown
        One value a placeholder. A text is shown on one line, shortened if it is long; a number is
        formatted; a message or a function is given in the language of the sentence.
    """

    _key: str
    _values: dict[str, Shown]
    _end: str = ""  # what is left out at the end

    def __new__(cls, key: str, /, **values: Shown) -> Message:
        """Return the message; raise `KeyError` for an unknown key or a missing value."""
        made = super().__new__(cls, _sentence(key, "en", values))
        made._key, made._values = key, values
        return made

    def in_language(self, lang: str) -> str:
        """Return the sentence in "en", "fr" or "es"."""
        if lang == "en":
            return str(self)
        return _sentence(self._key, lang, self._values).removesuffix(self._end)

    def __deepcopy__(self, _: object) -> Message:
        """Return the message itself, which never changes (pandas copies the attrs of a table)."""
        return self

    def without_stop(self) -> Message:
        """Return the same sentence without its full stop, for a line that adds its own."""
        made = super().__new__(type(self), str(self).removesuffix("."))
        made._key, made._values, made._end = self._key, self._values, "."
        return made


def in_language(sentence: str, lang: str) -> str:
    """Return a message in a language, and any other text as it is."""
    return sentence.in_language(lang) if isinstance(sentence, Message) else sentence


def message_of(error: Exception) -> str:
    """Return what an error says, without its full stop: its `Message` if it has one."""
    first = error.args[0] if error.args else ""
    return first.without_stop() if isinstance(first, Message) else str(error).rstrip(".")


def any_of(names: Sequence[Shown]) -> Callable[[str], str]:
    """Return a function that lists names as "A, B or C" in a language."""

    def listed(lang: str) -> str:
        """Return the list in a language."""
        shown = [_shown(name, lang) for name in names]
        if len(shown) < 2:
            return "".join(shown)
        word = text("list.or", lang)
        if lang == "es" and shown[-1].casefold().startswith(("o", "ho")):
            word = "u"
        return f"{', '.join(shown[:-1])} {word} {shown[-1]}"

    return listed


def _sentence(key: str, lang: str, values: dict[str, Shown]) -> str:
    return text(key, lang, **{name: _shown(value, lang) for name, value in values.items()})


def _shown(value: Shown, lang: str) -> str:
    if isinstance(value, Message):
        return value.in_language(lang)
    if isinstance(value, str):
        return one_line(shortened(value))
    if isinstance(value, (int, float)):
        return number(value, lang).replace("\N{MINUS SIGN}", "-")
    return value(lang)
