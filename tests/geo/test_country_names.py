"""Names of countries as the World Bank, the United Nations and ISO 3166 write them."""

from __future__ import annotations

import gettext
import unicodedata
from collections.abc import Iterator

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspots.errors import BadInputError
from hotspots.geo.countries import countries, find
from hotspots.geo.regions import region

# Names that no library has, by source; each is the country's alone.
WORLD_BANK = {
    "BHS": "Bahamas, The",
    "BRN": "Brunei Darussalam",
    "CAF": "Central African Rep.",
    "CIV": "Cote d'Ivoire",
    "COD": "Congo, Dem. Rep.; Congo, République démocratique du; Congo, República Democrática del;"
    " Congo, Rép. dém. du; Congo, Rep. Dem. del; Congo, Rép. Dém.",
    "COG": "Congo, Rep.; Congo, République du; Congo, República del; Congo, Rép. du",
    "CUW": "Curacao",
    "CZE": "Czechia; Czech Republic",
    "DOM": "Dominican Rep.; Rép. dominicaine; Rep. Dominicana",
    "EGY": "Egypt, Arab Rep.; Égypte, République arabe d'; Egipto, República Árabe de;"
    " Egipto, Rep. Árabe de; Égypte, Rép. arabe d’",
    "FRO": "Faeroe Islands",
    "FSM": "Micronesia, Fed. Sts.; Micronésie, États fédérés de; Micronesia (Estados Federados de)",
    "GMB": "Gambia, The",
    "HKG": "Hong Kong SAR, China; Région administrative spéciale de Hong Kong, Chine; RAS de Hong"
    " Kong, Chine; Hong Kong, Región Administrativa Especial; RAE de Hong Kong, China",
    "IRN": "Iran, Islamic Rep.; Iran, République islamique d'; Irán, República Islámica del",
    "KGZ": "Kyrgyz Republic; République kirghize; República Kirguisa",
    "KNA": "St. Kitts and Nevis; Saint-Kitts-et-Nevis; Saint Kitts y Nevis",
    "KOR": "Korea, Rep.; Corée, République de; Corea, República de; Corée, Rép. de",
    "LAO": "Lao PDR; RDP lao; República Democrática Popular Lao; Lao, PDR",
    "LCA": "St. Lucia; Ste-Lucie; Sta. Lucía",
    "MAC": "Macao SAR, China; Région administrative spéciale de Macao, Chine",
    "MAF": "St. Martin (French part); Saint-Martin (fr); Isla de San Martín (parte francesa)",
    "MKD": "Macedonia, FYR; North Macedonia",
    "NLD": "Netherlands, The",
    "PRI": "Puerto Rico (US)",
    "PRK": "Korea, Dem. People's Rep.; Korea, Dem. Rep.; Corée, République démocratique de; Corée,"
    " République populaire démocratique de; Corea, República Popular Democrática de; Corea, Rep."
    " Pop. Dem. de",
    "PSE": "West Bank and Gaza; Cisjordanie et Gaza; Ribera Occidental y Gaza",
    "SOM": "Somalia, Fed. Rep.",
    "SVK": "Slovak Republic; République slovaque; República Eslovaca; Slovak Rep.",
    "SXM": "Sint Maarten (Dutch part); Isla de San Martín (parte holandesa)",
    "STP": "Sao Tome and Principe; Sao Tomé-et-Principe; Santo Tomé y Príncipe; S. Tomé e Príncipe",
    "SYR": "Syrian Arab Republic; Syrian Arab Rep.; República Árabe Siria",
    "TCA": "Turks and Caicos Islands; Îles Turques-et-Caïques; Islas Turcas y Caicos",
    "TUR": "Turkiye; Türkiye; Turquie; Turquía",
    "TWN": "Taiwan, China",
    "VCT": "St. Vincent and the Grenadines; S. Vicente y las Granadinas",
    "VEN": "Venezuela, RB; Venezuela, República Bolivariana de; Venezuela, Rép. bolivarienne du",
    "VGB": "British Virgin Islands",
    "VIR": "Virgin Islands (U.S.); Îles Vierges (EU); Islas Vírgenes (EE.UU.)",
    "VNM": "Vietnam; Viet Nam",
    "XKX": "Kosovo; Kosovo, Rep.",
    "YEM": "Yemen, Rep.; Yémen, Rép. du; Yemen, Rep. del",
}
UNITED_NATIONS = {
    "ALA": "Åland Islands; Îles d’Åland; Islas Åland",
    "ATF": "Terres australes françaises; Territorio de las Tierras Australes Francesas",
    "BES": "Bonaire, Sint Eustatius and Saba; Bonaire, Saint-Eustache et Saba;"
    " Bonaire, San Eustaquio y Saba",
    "BHR": "Bahreïn; Bahrein",
    "BLR": "Bélarus; Belarús; République du Bélarus; República de Belarús",
    "BOL": "Bolivia (Plurinational State of); Bolivie (État plurinational de); Bolivia (Estado"
    " Plurinacional de)",
    "BRN": "Brunéi Darussalam; Brunei Darussalam",
    "CIV": "Côte d’Ivoire; República de Côte d'Ivoire; Côte dʼIvoire",
    "COD": "Democratic Republic of the Congo; République démocratique du Congo",
    "CPV": "Cabo Verde; République de Cabo Verde; Republic of Cabo Verde",
    "CXR": "Christmas Island; Île Christmas; Isla Christmas",
    "CYM": "Îles Caïmanes; Islas Caimán",
    "ESH": "Western Sahara; Sahara occidental; Sáhara Occidental",
    "FLK": "Falkland Islands (Malvinas); Îles Falkland (Malvinas); Islas Malvinas (Falkland)",
    "FSM": "Micronesia (Federated States of); Micronésie (États fédérés de)",
    "GBR": "United Kingdom of Great Britain and Northern Ireland; Royaume-Uni de Grande-Bretagne et"
    " d’Irlande du Nord; Reino Unido de Gran Bretaña e Irlanda del Norte",
    "HKG": "China, Hong Kong Special Administrative Region; China, Hong Kong SAR; Chine, région"
    " administrative spéciale de Hong Kong; China, región administrativa especial de Hong Kong",
    "HMD": "Heard Island and McDonald Islands; Île Heard-et-Îles MacDonald; Islas Heard y McDonald",
    "IRN": "Iran (Islamic Republic of); Iran (République islamique d’); Irán (República Islámica"
    " del)",
    "KEN": "República de Kenya",
    "KOR": "Republic of Korea; République de Corée; República de Corea",
    "LAO": "Lao People's Democratic Republic; République démocratique populaire lao; Lao People’s"
    " Dem. Rep.",
    "LBY": "État de Libye; State of Libya",
    "LSO": "Reino de Lesotho",
    "MAC": "China, Macao SAR; Chine, région administrative spéciale de Macao",
    "MDA": "Republic of Moldova; République de Moldova; República de Moldova",
    "NGA": "République fédérale du Nigéria; Fed. Rep. of Nigeria",
    "NLD": "Netherlands (Kingdom of the); Pays-Bas (Royaume des); Países Bajos (Reino de los)",
    "PRK": "Democratic People's Republic of Korea; República Popular Democrática de Corea",
    "PSE": "State of Palestine; État de Palestine; Estado de Palestina",
    "RUS": "Russian Federation; Fédération de Russie; Federación de Rusia",
    "SGS": "South Georgia and the South Sandwich Islands; Georgia del Sur y las Islas Sandwich del"
    " Sur",
    "SHN": "Saint Helena; Sainte-Hélène; Santa Elena; St. Helena",
    "SJM": "Svalbard and Jan Mayen Islands; Îles Svalbard-et-Jan Mayen; Islas Svalbard y Jan Mayen",
    "SXM": "Saint-Martin (partie néerlandaise); San Martín (parte neerlandesa)",
    "TLS": "Timor-Leste; República Democrática de Timor-Leste",
    "TZA": "United Republic of Tanzania; République-Unie de Tanzanie; República Unida de Tanzanía",
    "UMI": "United States Minor Outlying Islands; Îles mineures éloignées des États-Unis",
    "USA": "United States of America; États-Unis d’Amérique; Estados Unidos de América",
    "VAT": "Holy See; Saint-Siège; Santa Sede",
    "VEN": "Venezuela (Bolivarian Republic of); Venezuela (République bolivarienne du); Venezuela"
    " (República Bolivariana de)",
    "VIR": "United States Virgin Islands; Îles Vierges américaines; Islas Vírgenes de los Estados"
    " Unidos; Islas Vírgenes (EE. UU.)",
    "VNM": "République socialiste du Viet Nam; República Socialista de Viet Nam",
    "WLF": "Wallis and Futuna Islands; Îles Wallis-et-Futuna; Islas Wallis y Futuna",
}
MAPS = {
    "ATG": "Antigua and Barb.",
    "BIH": "Bosnia and Herz.",
    "COD": "D.R. Congo; Dem. Rep. Congo; R.D. Congo; R. D. du Congo; Congo (RDC); Congo-Kinshasa",
    "COG": "Congo-Brazzaville; Rep. of Congo; Rép. du Congo",
    "ESH": "W. Sahara",
    "GNQ": "Eq. Guinea",
    "IOT": "Br. Indian Ocean Ter.",
    "KOR": "S. Korea",
    "MHL": "Marshall Is.",
    "MNP": "N. Mariana Is.",
    "PRK": "N. Korea; D.P.R. Korea",
    "PYF": "Fr. Polynesia",
    "SLB": "Solomon Is.",
    "SSD": "S. Sudan; Soudan du Sud; Sudan, South",
    "UMI": "U.S. Minor Outlying Is.",
    "VCT": "St. Vin. and Gren.",
    "VIR": "U.S. Virgin Is.",
}
SEVERAL = {
    "Congo": "COD COG",
    "Congo (the)": "COD COG",
    "le Congo": "COD COG",
    "Korea": "KOR PRK",
    "Corée": "KOR PRK",
    "Virgin Islands": "VGB VIR",
    "Virgin Is.": "VGB VIR",
    "Îles Vierges": "VGB VIR",
    "Channel Islands": "GGY JEY",
}
# Near names of another country; of each pair neither is ever the other.
ALONE = {
    "Guinea": "GIN",
    "Guinea, Rep.": "GIN",
    "Guinée": "GIN",
    "Sudan": "SDN",
    "Sudan (the)": "SDN",
    "Soudan, Rép. du": "SDN",
    "Niger": "NER",
    "Niger (the)": "NER",
    "Níger": "NER",
    "Nigeria": "NGA",
    "Dominica": "DMA",
    "Dominique": "DMA",
    "Samoa": "WSM",
    "American Samoa": "ASM",
    "Ireland": "IRL",
    "Ireland, Republic of": "IRL",
    "China": "CHN",
    "China, People's Rep.": "CHN",
    "Mauritius": "MUS",
    "Mauritania": "MRT",
    "Guyana": "GUY",
    "Guyane": "GUF",
    "Georgia": "GEO",
    "Netherlands": "NLD",
    "Congo (COG)": "COG",
    "Congo (CD)": "COD",
    "Corée (PRK)": "PRK",
    "Virgin Islands (US)": "VIR",
    "Kenya (KEN)": "KEN",
}
NOTHING = (
    "Republic of China",
    "Republic of Dominica and Sudan",
    "Dem. Rep.",
    "Rep.",
    "South",
    "(the)",
    "S.",
    "Democratic Republic of Guinea",
    "West Korea",
    "Islands",
    "Kenya (UGA)",
    "Town (KEN)",
    "Netherlands Antilles",
    "Serbia and Montenegro",
)


def listed(*tables: dict[str, str]) -> Iterator[tuple[str, str]]:
    for table in tables:
        for code, names in table.items():
            for name in names.split("; "):
                yield name, code


@pytest.mark.parametrize(
    ("name", "code"), sorted(dict(listed(WORLD_BANK, UNITED_NATIONS, MAPS)).items() | ALONE.items())
)
def test_a_name_of_the_sources_is_its_country(name: str, code: str) -> None:
    assert find(name) == [code]
    assert find(unicodedata.normalize("NFD", name).upper()) == [code]


@pytest.mark.parametrize(("name", "codes"), SEVERAL.items())
def test_an_ambiguous_name_has_its_candidates(name: str, codes: str) -> None:
    assert find(name) == codes.split()
    with pytest.raises(BadInputError, match=" ".join(codes.split()).replace(" ", ".*")):
        region(name)


@pytest.mark.parametrize("text", [*NOTHING, "Rep. " * 5_000, "s. " * 40 + "Sudan"])
def test_what_is_no_name_finds_nothing(text: str) -> None:
    assert find(text) == []


def iso_names() -> dict[str, set[str]]:
    """Names of ISO 3166 in the three languages, short, common and formal."""
    spoken = [str] + [
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[lang]).gettext
        for lang in ("fr", "es")
    ]
    fields = ("name", "common_name", "official_name")
    found = {
        entry.alpha_3: {say(n) for f in fields if (n := getattr(entry, f, "")) for say in spoken}
        for entry in pycountry.countries
    }
    return {code: names | set(countries()[code].names.values()) for code, names in found.items()}


def forms(name: str) -> Iterator[str]:
    """Yield the name as the sources would write it too."""
    yield from (name, name.upper(), f"{name} (the)", f"The {name}", name.replace("'", "’"))
    first, comma, rest = name.partition(", ")
    if comma:  # "Korea, Republic of" is "Republic of Korea" and "Korea (Republic of)"
        yield from (f"{rest} {first}", f"{first} ({rest})", f"{first} [{rest}]")
    for title in ("Republic of ", "République du ", "República de "):
        if name.startswith(title):
            short = title.split()[0][:3] + "."
            yield from (
                f"{name.removeprefix(title)}, {title.strip()}",
                f"{short} {name.removeprefix(title)}",
                f"{name.removeprefix(title)}, {short}",
            )
    yield name.replace("Republic", "Rep.").replace("Democratic", "Dem.")
    yield name.replace("Islands", "Is.").replace("South ", "S. ").replace("Saint ", "St. ")
    yield name.replace(" and ", " & ").replace("République", "Rép.").replace("República", "Rep.")


def test_no_form_of_a_name_is_another_country() -> None:
    refused = set()
    for code, names in iso_names().items():
        for form in {form for name in names for form in forms(name)}:
            called = find(form)
            assert code in called, form
            if called != [code]:
                refused.add(form.upper().strip())
    # Only the names of two countries are left to the reader.
    assert {form for form in refused if not form.endswith(("(THE)",))} <= {"CONGO", "THE CONGO"}


@given(st.data())
def test_a_name_with_a_word_more_or_less_is_never_another_country(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(sorted(iso_names())))
    name = data.draw(st.sampled_from(sorted(iso_names()[code])))
    words = name.replace(",", "").split()
    shuffled = data.draw(st.permutations(words))
    assert set(find(" ".join(shuffled))) >= {code} or find(" ".join(shuffled)) == []
