"""Status texts of factor tables: each is of one kind, and a doubt outweighs the rest."""

from __future__ import annotations

import pytest

from hotspots.analysis.ipcc.factor_tables import status_kind
from hotspots.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("verified in the original", "verified"),
        ("abstract verified; to be verified", "from memory"),
        ("Convention, from memory", "from memory"),
        ("derived from verified values", "convention"),
        ("transcribed, verified once", "secondary"),
    ],
)
def test_the_kind_of_a_status(text: str, kind: str) -> None:
    assert status_kind(text) == kind


@pytest.mark.parametrize("text", ["", "checked"])
def test_a_status_without_a_known_word_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="isn't the status of a factor; it must contain one of"):
        status_kind(text)
