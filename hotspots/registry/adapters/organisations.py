"""Organisations in an export: which names may be published, and their ids.

Exports have one column for firms and persons, who are not distinguished. Since names of persons
must not be published, a name is accepted only if it contains a word typical of organisations: a
legal form (Ltd, S.A.S., GmbH) or a kind (Foundation, Ministry, Trust). Organisations excluded by
this rule can be added by hand.
"""

from __future__ import annotations

import hashlib
import re

from hotspots.geo.countries import key
from hotspots.registry.schema.fields import ORGANISATION
from hotspots.registry.schema.slugs import id_for

_MOST_ID = 90  # an id has 100 characters at most; a mark may be added
# Legal forms follow a name; before it the same letters may be a person's initials.
_FORMS = """
    ab ac ag asa aps bic bv bvba co coop corp cv esp ev ggmbh gmbh inc kft lda llc llp lp ltd ltda
    limited limitada nv oy oyj plc pbc pte pty pvt sa sac sae sapi sarl sas sasu sc sca scs sdn bhd
    spa srl ska zrt doo
"""
_KINDS = """
    academy administration agency agence agencia alliance asociacion associacao association
    authority banco banque bureau center centre centro college comite commission committee
    companies company conservancy consortium consorcio consulting consultoria cooperativa
    cooperative corporacion corporation council department direccion district ejido empresa
    enterprise enterprises federacion federation fondation fondo fonds forum fund fundacao
    fundacion foundation gesellschaft gobierno gouvernement government group groupe grupo holding
    holdings incorporated industria industrias industries initiative institut institute instituto
    institution international inversiones laboratory management ministere ministerio ministry
    municipality municipio museum network office organisation organization partners partnership
    programme pt reforestadora research resguardo school secretaria service services sociedad
    societe society solutions stiftung systems technologies trust union universidad universidade
    universite university verein
"""
FORMS, KINDS = frozenset(_FORMS.split()), frozenset(_KINDS.split())
_LONG = 50  # letters; a longer name's id ends in a mark of the whole name


def is_organisation(name: str) -> bool:
    """Return whether a name contains a word typical of organisations."""
    words = key(_undotted(name)).split()
    return not (KINDS.isdisjoint(words) and FORMS.isdisjoint(words[1:]))


def organisation_id(name: str) -> str:
    """Return the id of an organisation, the same for "Acme, S.A.S." and "ACME SAS"."""
    plain = _undotted(name)
    made = id_for({"name": plain, "type": ORGANISATION})
    if len(made) <= _LONG:
        return made
    # Long names may differ at their end, which the id cuts off.
    mark = hashlib.sha256(key(plain).encode()).hexdigest()[:8]
    return f"{made[:_LONG].rstrip('-')}-{mark}"


def _undotted(text: str) -> str:
    """Return "SAS" for "S.A.S." and for "S A S"."""
    joined = re.sub(r"\b(\w)\.", r"\1", text)
    return re.sub(r"\b\w(?: \w\b)+", lambda letters: letters[0].replace(" ", ""), joined)
