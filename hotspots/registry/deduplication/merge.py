"""One record made of two that are the same thing; the history of both stays.

What the survivor has:

=======================  =======================================================================
field                    value
=======================  =======================================================================
lists (themes, regions   of both, those of the kept record first; of relations that say the same,
and so on)               the one with more dates; none to itself
other_names              and all names of the other record that the survivor hasn't
source                   both, joined by "; ": it states what either stated
place, point, footprint  all from one record: the one whose position is more exact, the kept one if
                         both are alike
surface and its year,    both or all from one record: the kept one if it has any
effect and its range
contact                  from one person: the kept record's if it has any, else the other's, with
                         that person's consent or without; the other contact is deleted
verified_on              the kept record's; the earlier day, or none, if anything comes from the
                         other: nothing may look better checked than it was, and a merge is no check
created                  the earlier
id, type, owner          the kept record's (owner: else the other's)
all else                 the kept record's, else the other's
=======================  =======================================================================

`take` decides otherwise, field by field. The id that is given up stands for the survivor from now
on; relations, former ids and waiting suggestions follow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hotspots.errors import BadInputError, RegistryError, near_matches
from hotspots.geo.countries import key
from hotspots.registry.database import queries, tables
from hotspots.registry.database.changes import Change, apply, log
from hotspots.registry.imports import validation
from hotspots.registry.permissions import Actor
from hotspots.registry.schema import values
from hotspots.registry.schema.fields import TOGETHER, fields, names
from hotspots.registry.schema.vocabulary import vocabulary

KEEP, DROP, BOTH = "keep", "drop", "both"
Record = Mapping[str, Any]
# Fields that mean something together only.
_CONTACT = names("contact")
_NAMES = ("name", "name_en", "name_fr", "name_es")
_PENDING = "pending"


@dataclass(frozen=True)
class Preview:
    """What a merge would make.

    Attributes
    ----------
    record : mapping
        The survivor, with personal and system fields.
    origin : mapping of str to str
        Field -> "keep", "drop" or "both": whose value it is.
    repointed : tuple of str
        Ids of the other records whose relations change.
    suggestions : int
        How many waiting suggestions change over.
    given_up : mapping of str to str
        Field -> text of what either record says there and the survivor doesn't, with personal
        fields.
    reasons : tuple of str
        What speaks for a duplicate, as `likely_pairs` tells it; empty where too little does.
    """

    record: Record
    origin: Mapping[str, str]
    repointed: tuple[str, ...]
    suggestions: int
    given_up: Mapping[str, str]
    reasons: tuple[str, ...]


def preview(
    connection: sa.Connection, keep: str, drop: str, *, take: Mapping[str, str] | None = None
) -> Preview:
    """Return what `merge` would make; nothing is written and no right is asked for.

    Two records that don't look the same are merged all the same: see `Preview.reasons`.

    Raises
    ------
    RegistryError, BadInputError
        As `merge`.
    """
    kept, dropped = _both(connection, keep, drop)
    record, origin = _survivor(kept, dropped, _checked(take or {}))
    repointed = [id_ for id_ in queries.related_to(connection, drop) if id_ not in (keep, drop)]
    return Preview(
        record,
        origin,
        tuple(repointed),
        len(_suggestions(connection, drop)),
        _given_up(kept, dropped, record),
        _reasons(kept, dropped),
    )


def merge(
    connection: sa.Connection,
    actor: Actor,
    keep: str,
    drop: str,
    now: str,
    *,
    take: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Make one record of two and return it, with personal and system fields.

    Parameters
    ----------
    connection
        One that `writing` gave; its transaction makes the merge whole or not at all.
    actor, now
        Who does it, and when (moment, UTC).
    keep, drop : str
        The id that stays, and the one that is given up.
    take : mapping, optional
        Field -> "keep" or "drop": whose value stands, though it be empty or a list. A field that
        means something only beside others, as latitude, takes these along; so does a contact.

    Raises
    ------
    NotAllowedError
        The actor may not change one of the two, or a record that names the one given up.
    RegistryError
        No such record; two of different types; the survivor wouldn't be sound.
    BadInputError
        `take` names what can't be chosen.
    """
    made = preview(connection, keep, drop, take=take)
    before = queries.fetch(connection, [keep, drop, *made.repointed])
    survivor = {**made.record, "changed": now}
    changes = [
        Change("merged", before[drop], None, f"merged into {keep}"),
        Change("merged", before[keep], survivor, f"takes in {drop}"),
    ]
    for id_ in made.repointed:
        old = before[id_]
        relations = _redirected(old["relations"], id_, {drop: keep})
        new = {**old, "relations": relations, "version": old["version"] + 1, "changed": now}
        changes.append(Change("changed", old, new, f"{drop} was merged into {keep}"))
    apply(connection, changes, actor, now)
    alias = tables.alias
    connection.execute(alias.update().where(alias.c.id == drop).values(id=keep))
    connection.execute(alias.insert().values(former=drop, id=keep))
    _repoint_suggestions(connection, drop, survivor)
    log(connection, actor, now, "merge", keep, drop)
    return survivor


def _both(connection: sa.Connection, keep: str, drop: str) -> tuple[Record, Record]:
    if keep == drop:
        raise RegistryError(f"'{keep}' can't be merged with itself. Give the ids of two records.")
    gone = queries.current_ids(connection, [keep, drop])
    found = queries.fetch(connection, [keep, drop])
    for id_ in (keep, drop):
        if id_ in gone:
            raise RegistryError(f"'{id_}' was merged into '{gone[id_]}' before. Give that id.")
        if id_ not in found:
            raise RegistryError(
                f"No record has the id '{id_}'. 'hotspots registry list' shows them."
            )
    kept, dropped = found[keep], found[drop]
    if kept["type"] != dropped["type"]:
        raise RegistryError(
            f"'{keep}' is of the type {kept['type']} and '{drop}' of the type {dropped['type']};"
            " only records of one type can be the same. Relate them instead."
        )
    return kept, dropped


def _checked(take: Mapping[str, str]) -> dict[str, str]:
    """Return the choices, of a group's field for the whole group."""
    free = [name for name in (*names("content"), *_CONTACT) if name not in ("id", "type")]
    chosen: dict[str, str] = {}
    for name, whose in take.items():
        if name not in free:
            raise BadInputError(
                f"'{name}' is no field that can be chosen{near_matches(name, free) or '.'} Choose"
                " among the fields of a record other than its id, type and owner."
            )
        if whose not in (KEEP, DROP):
            raise BadInputError(f"'{name}' can come from keep or drop, not from '{whose}'.")
        for member in _group(name):
            if chosen.setdefault(member, whose) != whose:
                raise BadInputError(
                    f"'{name}' and '{member}' belong together and can't come from different"
                    " records. Choose one record for both."
                )
    return chosen


def _group(name: str) -> tuple[str, ...]:
    return next((group for group in (*TOGETHER, _CONTACT) if name in group), (name,))


def _survivor(
    kept: Record, dropped: Record, take: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the record made of two, and whose value each of its fields is."""
    whose = _chosen(kept, dropped) | dict(take)
    made: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in (*names("content"), *_CONTACT, "owner"):
        value, side = _value(name, kept, dropped, whose.get(name))
        if value not in (None, ()):
            made[name], origin[name] = value, side
    _add_names(made, origin, kept, dropped, whose)
    relations = _redirected(made.pop("relations", ()), kept["id"], {dropped["id"]: kept["id"]})
    if relations:
        made["relations"] = relations
    else:
        origin.pop("relations", None)
    _date(made, origin, kept, dropped, take)
    made["created"] = min(kept["created"], dropped["created"])
    made |= {"version": kept["version"] + 1, "changed": kept["changed"]}
    _require_sound(made)
    return {name: made[name] for name in fields() if name in made}, origin


def _chosen(kept: Record, dropped: Record) -> dict[str, str]:
    """Return whose value stands in those fields that go together."""
    whose = {"id": KEEP, "type": KEEP}
    # Consent is a person's own: it never covers the address of the other one.
    for group in (*TOGETHER, _CONTACT):
        whose |= dict.fromkeys(group, KEEP if any(name in kept for name in group) else DROP)
    if _exactness(dropped) < _exactness(kept):
        whose |= dict.fromkeys(TOGETHER[0], DROP)
    return whose


def _exactness(record: Record) -> int:
    """Return the rank of a record's precision, from 0 (exact); the last without a position."""
    ranks = list(vocabulary()["place_precision"])
    drawn = "latitude" in record or "footprint" in record
    precision = record.get("place_precision")
    return ranks.index(precision) if drawn and precision in ranks else len(ranks)


def _value(name: str, kept: Record, dropped: Record, whose: str | None) -> tuple[Any, str]:
    ours, theirs = kept.get(name), dropped.get(name)
    if whose is not None:
        return (ours, KEEP) if whose == KEEP else (theirs, DROP)
    if ours is None or theirs is None or ours == theirs:
        return (theirs, DROP) if ours is None else (ours, KEEP)
    if fields()[name].is_list:
        united = tuple(dict.fromkeys((*ours, *theirs)))
        return united, KEEP if united == ours else BOTH
    if name == "source" and theirs not in ours:
        return f"{ours}; {theirs}"[: values.MOST_TEXT], BOTH
    return ours, KEEP


def _add_names(
    made: dict[str, Any],
    origin: dict[str, str],
    kept: Record,
    dropped: Record,
    whose: Mapping[str, str],
) -> None:
    """Add the names that the survivor would lose to its other names."""
    if "other_names" in whose:
        return
    standing = {key(made[name]) for name in _NAMES if name in made}
    others: dict[str, str] = {}
    for name in (*made.get("other_names", ()), *_names_of(kept), *_names_of(dropped)):
        plain = name.replace(";", ",")  # which parts one name from the next
        if key(plain) not in standing:
            others.setdefault(key(plain), plain)
    made.pop("other_names", None)
    origin.pop("other_names", None)
    if others:
        made["other_names"] = tuple(others.values())
        same = made["other_names"] == kept.get("other_names")
        origin["other_names"] = KEEP if same else BOTH if "other_names" in kept else DROP


def _names_of(record: Record) -> Iterable[str]:
    return (record[name] for name in _NAMES if name in record)


def _date(
    made: dict[str, Any],
    origin: dict[str, str],
    kept: Record,
    dropped: Record,
    take: Mapping[str, str],
) -> None:
    """Let the survivor be verified no later than all that stands in it."""
    content = {side for name, side in origin.items() if name not in (*_CONTACT, "owner")}
    if "verified_on" in take or content <= {KEEP}:
        return
    made.pop("verified_on", None)
    origin.pop("verified_on", None)
    if "verified_on" in kept and "verified_on" in dropped:
        made["verified_on"] = min(kept["verified_on"], dropped["verified_on"])
        same = made["verified_on"] == kept["verified_on"]
        origin["verified_on"] = KEEP if same else DROP


def _require_sound(made: Record) -> None:
    if problems := [problem for problem in validation.check(made) if problem.serious]:
        what = "; ".join(f"{problem.column}: {problem.reason}" for problem in problems)
        raise RegistryError(
            f"Merged, '{made['id']}' would not be sound: {what.rstrip('.')}. Choose whose value"
            f" stands, as with --take {problems[0].column}=drop, or mend the records first."
        )


def _redirected(relations: Iterable[str], own: str, to: Mapping[str, str]) -> tuple[str, ...]:
    """Return relations after a merge: none to the record itself, none said twice."""
    found: list[str] = []
    for text in (values.redirected(relation, to) for relation in relations):
        if values.relation(text)[1] == own or any(_says(other, text) for other in found):
            continue
        found = [other for other in found if not _says(text, other)]
        found.append(text)
    return tuple(found)


def _says(one: str, other: str) -> bool:
    """Say whether a relation tells all that another does; ends that contradict: the first does."""
    *mine, start, end = values.relation(one)
    *theirs, other_start, other_end = values.relation(other)
    if mine != theirs or (other_start is not None and start != other_start):
        return False
    contradict = None not in (start, end, other_start, other_end)
    return other_end is None or end == other_end or contradict


def _given_up(kept: Record, dropped: Record, made: Record) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in fields():
        if name in ("id", *names("system")) and name != "owner":
            continue
        texts = [
            text
            for record in (kept, dropped)
            if (text := values.write(_missing(name, record.get(name), made, dropped["id"])))
        ]
        if texts:
            found[name] = "; ".join(texts)
    return found


def _missing(name: str, value: Any, made: Record, drop: str) -> Any:
    """Return what of a value the survivor doesn't say; None where it says all."""
    stands = made.get(name, () if fields()[name].is_list else None)
    if name == "relations" and value:
        followed = _redirected(value, made["id"], {drop: made["id"]})
        value = tuple(text for text in followed if not any(_says(told, text) for told in stands))
    if fields()[name].is_list:
        return tuple(item for item in value or () if item not in stands) or None
    if name == "source" and value and stands and value in stands:
        return None
    return None if value == stands else value


def _reasons(kept: Record, dropped: Record) -> tuple[str, ...]:
    from hotspots.registry.deduplication.candidates import likely_pairs

    return tuple(reason for pair in likely_pairs([kept, dropped]) for reason in pair.reasons)


def _suggestions(connection: sa.Connection, id: str) -> list[tuple[int, dict[str, str]]]:
    """Return (number, cells) of the waiting suggestions to change a record.

    Those without a version are for a new record that was to have this id: they stay as they are.
    """
    kept = tables.suggestion
    query = sa.select(kept.c.no, kept.c.cells).where(kept.c.id == id, kept.c.state == _PENDING)
    found = [(row.no, json.loads(row.cells)) for row in connection.execute(query)]
    return [(number, cells) for number, cells in found if "version" in cells]


def _repoint_suggestions(connection: sa.Connection, drop: str, survivor: Record) -> None:
    # What they'd change is named cell by cell, so it can be laid beside the survivor.
    kept = tables.suggestion
    for number, cells in _suggestions(connection, drop):
        cells |= {"id": survivor["id"], "version": str(survivor["version"])}
        text = json.dumps(cells, ensure_ascii=False)
        connection.execute(
            kept.update().where(kept.c.no == number).values(id=survivor["id"], cells=text)
        )
