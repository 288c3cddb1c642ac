"""Meaning and unit of each column of the gap tables, and the texts in their cells."""

from __future__ import annotations

from types import MappingProxyType

# Completeness of a country's records, worst first.
COMPLETENESS = ("nothing_recorded", "records_only", "partly_surveyed", "surveyed")
NO_RECORD = "Absence of a record is not evidence of absence."
NOTES = MappingProxyType(
    {
        "nothing_recorded": "A country here has no records and has not been surveyed:"
        " absence of a record is not evidence of absence.",
        "records_only": "Some records, but a country here was never surveyed: absence of a record"
        " is not evidence of absence.",
        "partly_surveyed": "A country here was surveyed in part, or long ago: absence of a record"
        " is not evidence of absence.",
        "surveyed": "Every country here was surveyed: actors without a record were not found.",
        "": NO_RECORD,
    }
)

COLUMNS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "rank": ("1", "place in this table, or within its set of regions; 1 first"),
        "id": ("", "id of the hotspot, region or record"),
        "class": ("", "leading hotspot class by managed land"),
        "climate_zone": ("", "IPCC climate zone of most of the hotspot's managed land"),
        "countries": ("", "regions with at least 1 % of the hotspot's land, largest first"),
        "managed_ha": ("ha", "managed land in hot classes"),
        "potential_t_yr": ("t yr-1", "potential SOC gain"),
        "gross_loss_t_yr": ("t yr-1", "modelled gross SOC loss on all its land"),
        "at_stake_t_yr": (
            "t yr-1",
            "class build: the potential; protect: the gross loss; restore: both added; any other:"
            " the larger. Regions: the potential, or the gross loss where that isn't known. Empty"
            " where neither is",
        ),
        "presence": (
            "",
            "the nearest that anyone counted is known to be: inside, near, country (in a country"
            " of the hotspot, or working in all of it) or none",
        ),
        "records_inside": ("1", "active records within the hotspot, or whose footprint touches it"),
        "records_near": ("1", "active records outside it, within the requested distance"),
        "matching_inside": (
            "1",
            "of records_inside, those of the requested theme, practice or type",
        ),
        "matching_near": ("1", "of records_near, those of the requested theme, practice or type"),
        "declared_for_country": (
            "1",
            "matching records elsewhere that say they work in a country of the hotspot, or in a"
            " region of the initiative that the country belongs to",
        ),
        "known_to_be_in_country": (
            "1",
            "matching records in a country of the hotspot by region or country only: they may lie"
            " within it; not in declared_for_country",
        ),
        "declared_for_world": ("1", "matching records that work world-wide; the same in each row"),
        "nearest_id": ("", "the nearest matching record that can be put on the map"),
        "nearest_name": ("", "its name"),
        "nearest_km": ("km", "geodesic distance from the hotspot's boundary to it; 0 inside"),
        "footprint_share": ("1", "share of the hotspot's area under footprints of such records"),
        "score_t_yr": ("t yr-1", "at_stake_t_yr / (1 + matching_inside + matching_near)"),
        "completeness": (
            "",
            "completeness of the records of its countries, the lowest of them:"
            f" {', '.join(COMPLETENESS)}; empty if not given",
        ),
        "completeness_by_country": ("", "the same for each country, KEN:records_only;…"),
        "note": ("", "interpretation of an absence of records"),
        "geometry": ("", "polygons, EPSG:4326"),
        # regions
        "name_en": ("", "name in English"),
        "set": ("", "countries, initiative, or the user's own"),
        "records": ("1", "active records that count, each once"),
        "records_sitting": ("1", "of these, those that have their seat there"),
        "records_working": ("1", "of these, those that say they work there, or act there"),
        "declared_wider": ("1", "records for a larger region that holds it; not in records"),
        "pillar1": ("1", "active records of pillar 1"),
        "pillar2": ("1", "active records of pillar 2"),
        "pillar3": ("1", "active records of pillar 3"),
        "pillar4": ("1", "active records of pillar 4"),
        "missing_pillars": ("", "pillars without an active record"),
        # crowded
        "records_per_mha": ("Mha-1", "records inside and near per Mha of hot managed land"),
        "records_per_mt": ("yr Mt-1", "records inside and near per Mt yr-1 at stake"),
        "share_of_records": (
            "1",
            "share of all records inside or near a hotspot; one of n hotspots counts 1/n in each",
        ),
        "share_of_stake": ("1", "share of the tonnes at stake in all hotspots"),
        "crowding": ("1", "share_of_records / share_of_stake"),
        "more_than_share": ("", "whether crowding is above 1"),
        # outside
        "name": ("", "own name of the record"),
        "type": ("", "type of the record"),
        "country": ("", "country of the record's seat"),
        "theme": ("", "codes of its themes"),
        "nearest_hotspot": ("", "the nearest hotspot"),
        "nearest_hotspot_km": ("km", "geodesic distance to its boundary"),
        # practices
        "practice_kind": ("", "practice known to work in the same climate zone and land use"),
        "land_use": ("", "land uses of the hotspot that it is known to work on"),
        "examples": ("1", "records that show it"),
        "effect_median": ("t ha-1 yr-1", "median effect of the examples"),
        "effect_least": ("t ha-1 yr-1", "smallest effect of the examples"),
        "example_id": ("", "the nearest example that can be put on the map"),
        "example_name": ("", "its name"),
        "example_km": ("km", "geodesic distance from the hotspot's boundary to it"),
        # research
        "pillar": ("", "pillar of the research programme"),
        "region": ("", "id of the region"),
        "state": (
            "",
            "none (no action recorded), undated (none with a date), old (the newest ended or, if it"
            " has no end, began too long ago) or current",
        ),
        "actions": ("1", "actions of the pillar in the region, ended ones too"),
        "running": ("1", "of these, those that have not ended"),
        "newest": ("", "the newest date of an action: end, else start; partial ISO date"),
        "newest_id": ("", "the action of that date"),
        "years_since": ("yr", "from that date to today; 0 if it is in the future"),
        "actions_worldwide": ("1", "actions of the pillar that work world-wide; not in actions"),
    }
)
