"""Merging two records of the same entity; the history of both is kept.

Values of the merged record (survivor):

=======================  =======================================================================
field                    value
=======================  =======================================================================
lists (themes, regions   of both, those of the kept record first; of equivalent relations the one
and so on)               with more dates; none to itself
other_names              also all names of the other record that the survivor lacks
source                   both, joined by "; "
place, point, footprint  all from one record: the one whose position is more precise, the kept one
                         if both are equal
surface and its year,    both or all from one record: the kept one if it has any
effect and its range
contact                  from one person: the kept record's if it has any, else the other's, with
                         that person's consent or without; the other contact is deleted
verified_on              the kept record's; the earlier day, or none, if anything comes from the
                         other: a merge is not a verification
created                  the earlier
id, type, owner          the kept record's (owner: else the other's)
all others               the kept record's, else the other's
=======================  =======================================================================

`take` overrides these rules field by field. The id given up becomes an alias of the survivor;
relations, former ids and pending suggestions are updated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from hotspots.errors import BadInputError, RegistryError, near_matches
from hotspots.geo.countries import key
from hotspots.registry.database import queries, tables
from hotspots.registry.database.changes import Change, add_to_journal, apply
from hotspots.registry.permissions import Actor
from hotspots.registry.schema import validation, values
from hotspots.registry.schema.fields import TOGETHER, fields, names
from hotspots.registry.schema.records import (
    Record,
    Value,
    Values,
    id_of,
    list_of,
    text_of,
    version_of,
)
from hotspots.registry.schema.vocabulary import vocabulary

KEEP, DROP, BOTH = "keep", "drop", "both"
# Fields that are interpreted together.
_CONTACT = names("contact")
_NAMES = ("name", "name_en", "name_fr", "name_es")
_PENDING = "pending"


@dataclass(frozen=True)
class Preview:
    """The result of a merge before it is made.

    Attributes
    ----------
    record : mapping
        The survivor, with personal and system fields.
    origin : mapping of str to str
        Field -> "keep", "drop" or "both": origin of its value.
    repointed : tuple of str
        Ids of the other records whose relations change.
    suggestions : int
        Number of pending suggestions that will be reassigned.
    given_up : mapping of str to str
        Field -> text of values of either record that the survivor lacks, including personal
        fields.
    reasons : tuple of str
        Evidence for a duplicate from `likely_pairs`; empty if insufficient.
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
    """Return the result of `merge` without writing and without checking permissions.

    Dissimilar records are merged too: see `Preview.reasons`.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Connection to the registry.
    keep, drop : str
        The id that stays, and the one that is given up.
    take : mapping of str to str, optional
        Field -> "keep" or "drop": the record whose value is used, even if it is empty. Fields that
        are interpreted together are taken together.

    Raises
    ------
    RegistryError, BadInputError
        See `merge`.
    """
    kept, dropped = _pair(connection, keep, drop)
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
) -> Values:
    """Merge two records and return the survivor, with personal and system fields.

    Parameters
    ----------
    connection
        Connection from `writing`; the merge is part of its transaction.
    actor, now
        The actor, and the current time (UTC).
    keep, drop : str
        The id that stays, and the one that is given up.
    take : mapping, optional
        Field -> "keep" or "drop": the record whose value is used, even if empty or a list. Fields
        interpreted together, such as latitude and longitude or a contact, are taken together.

    Raises
    ------
    NotAllowedError
        The actor may not change one of the two, or a record that refers to the one given up.
    RegistryError
        Unknown record; different types; the survivor would not be valid.
    BadInputError
        `take` has an invalid field or value.
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
        relations = _redirected(list_of(old, "relations"), id_, {drop: keep})
        new = {**old, "relations": relations, "version": version_of(old) + 1, "changed": now}
        changes.append(Change("changed", old, new, f"{drop} was merged into {keep}"))
    apply(connection, changes, actor, now)
    alias = tables.alias
    # Ids given up in earlier merges lead to the survivor too.
    connection.execute(alias.update().where(alias.c.id == drop).values(id=keep))
    connection.execute(alias.insert().values(former=drop, id=keep))
    _repoint_suggestions(connection, drop, survivor)
    add_to_journal(connection, actor, now, "merge", keep, drop)
    return survivor


class _Pair(NamedTuple):
    kept: Record
    dropped: Record


def _pair(connection: sa.Connection, keep: str, drop: str) -> _Pair:
    if keep == drop:
        raise RegistryError(f"'{keep}' can't be merged with itself. Give the ids of two records.")
    gone = queries.current_ids(connection, [keep, drop])
    found = queries.fetch(connection, [keep, drop])
    for id_ in (keep, drop):
        if id_ in gone:
            raise RegistryError(f"'{id_}' was merged into '{gone[id_]}' before. Give that id.")
        if id_ not in found:
            raise queries.unknown_id(id_)
    kept, dropped = found[keep], found[drop]
    if kept["type"] != dropped["type"]:
        raise RegistryError(
            f"'{keep}' is of the type {kept['type']} and '{drop}' of the type {dropped['type']};"
            " only records of one type can be the same. Relate them instead."
        )
    return _Pair(kept, dropped)


def _checked(take: Mapping[str, str]) -> dict[str, str]:
    """Return the choices, extended to whole groups of fields."""
    free = [name for name in (*names("content"), *_CONTACT) if name not in ("id", "type")]
    chosen: dict[str, str] = {}
    for name, whose in take.items():
        if name not in free:
            raise BadInputError(
                f"'{name}' is not a field that can be chosen{near_matches(name, free) or '.'}"
                " Choose among the fields of a record other than its id, type and owner."
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


class _Survivor(NamedTuple):
    record: Values
    origin: dict[str, str]  # field -> KEEP, DROP or BOTH


def _survivor(kept: Record, dropped: Record, take: Mapping[str, str]) -> _Survivor:
    """Return the merged record, and the origin of each field."""
    whose = _chosen(kept, dropped) | dict(take)
    made: Values = {}
    origin: dict[str, str] = {}
    for name in (*names("content"), *_CONTACT, "owner"):
        value, side = _value(name, kept, dropped, whose.get(name))
        if value not in (None, ()):
            made[name], origin[name] = value, side
    _add_names(made, origin, kept, dropped, whose)
    own = id_of(kept)
    if relations := _redirected(list_of(made, "relations"), own, {id_of(dropped): own}):
        made["relations"] = relations
    else:
        made.pop("relations", None)
        origin.pop("relations", None)
    _set_verification_day(made, origin, kept, dropped, take)
    made["created"] = min(text_of(kept, "created"), text_of(dropped, "created"))
    made |= {"version": version_of(kept) + 1, "changed": kept["changed"]}
    _require_sound(made)
    return _Survivor({name: made[name] for name in fields() if name in made}, origin)


def _chosen(kept: Record, dropped: Record) -> dict[str, str]:
    """Return the origin of the fields that are interpreted together."""
    whose = {"id": KEEP, "type": KEEP}
    # Consent is personal: it never covers the address of another person.
    for group in (*TOGETHER, _CONTACT):
        whose |= dict.fromkeys(group, KEEP if any(name in kept for name in group) else DROP)
    if _exactness(dropped) < _exactness(kept):
        whose |= dict.fromkeys(TOGETHER[0], DROP)
    return whose


def _exactness(record: Record) -> int:
    """Return the rank of a record's precision, from 0 (exact); the last if without position."""
    ranks = list(vocabulary()["place_precision"])
    drawn = "latitude" in record or "footprint" in record
    precision = text_of(record, "place_precision")
    return ranks.index(precision) if drawn and precision in ranks else len(ranks)


class _Merged(NamedTuple):
    value: Value
    origin: str


def _value(name: str, kept: Record, dropped: Record, whose: str | None) -> _Merged:
    of_kept = _Merged(kept.get(name), KEEP)
    of_dropped = _Merged(dropped.get(name), DROP)
    if whose is not None:
        return of_kept if whose == KEEP else of_dropped
    if of_kept.value is None:
        return of_dropped
    if of_dropped.value is None or of_kept.value == of_dropped.value:
        return of_kept
    if fields()[name].is_list:
        united = tuple(dict.fromkeys((*list_of(kept, name), *list_of(dropped, name))))
        return _Merged(united, KEEP if united == of_kept.value else BOTH)
    if name == "source" and text_of(dropped, name) not in text_of(kept, name):
        both = f"{of_kept.value}; {of_dropped.value}"
        # Cut to the longest text allowed, rather than refusing the merge.
        return _Merged(both[: values.MOST_TEXT], BOTH)
    return of_kept


def _add_names(
    made: Values,
    origin: dict[str, str],
    kept: Record,
    dropped: Record,
    whose: Mapping[str, str],
) -> None:
    """Add names that would be lost to the survivor's other names."""
    # With `take`, the other names of the chosen record stand as they are.
    if "other_names" in whose:
        return
    standing = {key(text_of(made, name)) for name in _NAMES if name in made}
    others: dict[str, str] = {}
    for name in (*list_of(made, "other_names"), *_names_of(kept), *_names_of(dropped)):
        plain = name.replace(";", ",")  # the separator of names
        if key(plain) not in standing:
            others.setdefault(key(plain), plain)
    made.pop("other_names", None)
    origin.pop("other_names", None)
    if others:
        made["other_names"] = tuple(others.values())
        same = made["other_names"] == kept.get("other_names")
        origin["other_names"] = KEEP if same else BOTH if "other_names" in kept else DROP


def _names_of(record: Record) -> Iterable[str]:
    return (text_of(record, name) for name in _NAMES if name in record)


def _set_verification_day(
    made: Values,
    origin: dict[str, str],
    kept: Record,
    dropped: Record,
    take: Mapping[str, str],
) -> None:
    """Set the survivor's date of verification to the earliest of its parts."""
    content = {side for name, side in origin.items() if name not in (*_CONTACT, "owner")}
    if "verified_on" in take or content <= {KEEP}:
        return
    made.pop("verified_on", None)
    origin.pop("verified_on", None)
    if "verified_on" in kept and "verified_on" in dropped:
        made["verified_on"] = min(text_of(one, "verified_on") for one in (kept, dropped))
        same = made["verified_on"] == kept["verified_on"]
        origin["verified_on"] = KEEP if same else DROP


def _require_sound(made: Record) -> None:
    if problems := [problem for problem in validation.check(made) if problem.serious]:
        what = "; ".join(f"{problem.column}: {problem.reason}" for problem in problems)
        raise RegistryError(
            f"Merged, '{made['id']}' would not be valid: {what.rstrip('.')}. Choose whose value"
            f" stands, as with --take {problems[0].column}=drop, or correct the records first."
        )


def _redirected(relations: Iterable[str], own: str, to: Mapping[str, str]) -> tuple[str, ...]:
    """Return relations after a merge, without self-references and duplicates."""
    found: list[str] = []
    for text in (values.redirected(relation, to) for relation in relations):
        if values.relation(text)[1] == own or any(_implies(other, text) for other in found):
            continue
        found = [other for other in found if not _implies(text, other)]
        found.append(text)
    return tuple(found)


def _implies(one: str, other: str) -> bool:
    """Return whether a relation implies another; with contradictory ends, the first does."""
    *target, start, end = values.relation(one)
    *other_target, other_start, other_end = values.relation(other)
    if target != other_target or (other_start is not None and start != other_start):
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
            if (text := values.write(_missing(name, record, made, id_of(dropped))))
        ]
        if texts:
            found[name] = "; ".join(texts)
    return found


def _missing(name: str, record: Record, made: Record, drop: str) -> Value:
    """Return the part of a record's value that the survivor lacks, or None."""
    if fields()[name].is_list:
        entries, present = list_of(record, name), list_of(made, name)
        if name == "relations":
            followed = _redirected(entries, id_of(made), {drop: id_of(made)})
            entries = tuple(t for t in followed if not any(_implies(other, t) for other in present))
        return tuple(entry for entry in entries if entry not in present) or None
    value = record.get(name)
    if name == "source" and value and text_of(record, name) in text_of(made, name):
        return None
    return None if value == made.get(name) else value


def _reasons(kept: Record, dropped: Record) -> tuple[str, ...]:
    from hotspots.registry.deduplication.candidates import likely_pairs

    # Words are weighted as in a registry of two records, where all but generic ones are rare.
    return tuple(reason for pair in likely_pairs([kept, dropped]) for reason in pair.reasons)


class _PendingCells(NamedTuple):
    number: int
    cells: dict[str, str]


def _suggestions(connection: sa.Connection, id: str) -> list[_PendingCells]:
    """Return the pending suggestions to change a record.

    Those without a version are for a new record with this id and are left unchanged.
    """
    kept = tables.suggestion
    query = sa.select(kept.c.no, kept.c.cells).where(kept.c.id == id, kept.c.state == _PENDING)
    found = [_PendingCells(row.no, json.loads(row.cells)) for row in connection.execute(query)]
    return [one for one in found if "version" in one.cells]


def _repoint_suggestions(connection: sa.Connection, drop: str, survivor: Record) -> None:
    # Suggestions list individual cells, so they can be applied to the survivor.
    kept = tables.suggestion
    for number, cells in _suggestions(connection, drop):
        cells |= {"id": id_of(survivor), "version": str(version_of(survivor))}
        text = json.dumps(cells, ensure_ascii=False)
        connection.execute(
            kept.update().where(kept.c.no == number).values(id=survivor["id"], cells=text)
        )
