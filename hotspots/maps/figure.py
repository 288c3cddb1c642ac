"""A Folium figure with all scripts and styles inlined, so that its page needs no network.

Folium's elements link to scripts and styles on public servers. This figure inlines the vendored
files instead, and raises an error on an unknown link. The link lists of Folium's classes aren't
changed, since they are shared by all maps of a process.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from branca.element import CssLink, Element, Figure, JavascriptLink, Link

from hotspots.config import vendor_file
from hotspots.errors import MissingAssetError
from hotspots.io.templates import rendered
from hotspots.maps.embedding import Verbatim, html_text
from hotspots.maps.policy import script_hashes

# Folium's name of a link -> vendored file; None: left out, since the page doesn't need it.
ASSETS: dict[str, str | None] = {
    "leaflet": "leaflet/leaflet.js",
    "leaflet_css": "leaflet/leaflet.css",
    "jquery": "jquery/jquery.min.js",
    "markercluster": "leaflet.markercluster/leaflet.markercluster.js",
    "markerclustercss": "leaflet.markercluster/MarkerCluster.css",
    "markerclusterdefaultcss": "leaflet.markercluster/MarkerCluster.Default.css",
    "Control.Fullscreen.js": "leaflet.fullscreen/Control.FullScreen.js",
    "Control.FullScreen.css": "leaflet.fullscreen/Control.FullScreen.css",
    "bootstrap": None,
    "bootstrap_css": None,
    "glyphicons_css": None,
    "awesome_markers": None,
    "awesome_markers_css": None,
    "awesome_markers_font_css": None,
    "awesome_rotate_css": None,
}
_MIME = {".png": "image/png", ".svg": "image/svg+xml", ".gif": "image/gif"}
_CSS_URL = re.compile(r"url\(\s*(['\"]?)(?!data:|#)([^)'\"]+)\1\s*\)")
_SOURCE_MAP = re.compile(r"^\s*(//#|/\*#) sourceMappingURL=.*$", re.MULTILINE)
_FOREIGN = re.compile(r"<(?:script|link)\b[^>]*\b(?:src|href)\s*=\s*[\"']?(?:https?:)?//[^\"'>\s]*")
# Only some of Folium's elements, such as popups, need jQuery (87 kB); it is left out otherwise.
_JQUERY = re.compile(r"\$\(|\bjQuery\b")
# Browsers then neither load external addresses nor run scripts or event handlers (onerror=…) other
# than the page's own.
_POLICY = (
    "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data: blob:;"
    " base-uri 'none'; form-action 'none'"
)


class StandaloneFigure(Figure):
    """A `branca.element.Figure` whose page contains all its scripts and styles.

    Parameters
    ----------
    title : str
        Title of the page; escaped.
    lang : str
        Language of the page.

    Raises
    ------
    MissingAssetError
        On rendering, if an element links to a file that isn't in `ASSETS`, uses one that is left
        out (such as `folium.Icon`), or if a vendored file is missing.
    """

    def __init__(self, title: str, lang: str = "en") -> None:
        super().__init__(title=title)
        self.lang = lang

    def render(self, **kwargs: object) -> str:
        """Return the whole page; may be called repeatedly."""
        # Children first: they add scripts and links to the sections while they are rendered.
        for child in list(self._children.values()):
            child.render(**kwargs)
        script = _joined(self.script, kwargs)
        if "L.AwesomeMarkers" in script:
            raise MissingAssetError(
                "A folium.Icon needs web fonts that the standalone page leaves out; use"
                " folium.CircleMarker or folium.DivIcon instead."
            )
        children = self.header._children
        for name, child in list(children.items()):
            if isinstance(child, Link):
                children[name] = _inlined(name, child, with_jquery=bool(_JQUERY.search(script)))
        header, html = _joined(self.header, kwargs), _joined(self.html, kwargs)
        if foreign := _FOREIGN.search(header + html):
            raise MissingAssetError(
                f"The map links to '{foreign.group()}', which a page without network can't load;"
                " leave that element out."
            )
        body = f"{html}\n<script>\n{script}\n</script>"
        # Hashes of exactly this text: a later change of the page would block its scripts.
        policy = _POLICY.format(" ".join(script_hashes(header + body)))
        title = html_text(self.title or "")
        return rendered(
            "hotspots.maps",
            "page.html.j2",
            lang=self.lang,
            title=title,
            policy=policy,
            header=header,
            body=body,
        )


def _joined(section: Element, kwargs: Mapping[str, object]) -> str:
    """Return the text of a section of the figure.

    Folium's elements store their rendered text in an `Element`, which would parse it as a template
    again, including the texts of a user's own layers.
    """
    return "\n".join(_text_of(child, kwargs) for child in section._children.values())


def _text_of(child: Element, kwargs: Mapping[str, object]) -> str:
    # Branca before 0.8 doesn't keep the text; there it is parsed as a template again.
    finished = getattr(child, "_template_str", None) if type(child) is Element else None
    return child.render(**kwargs) if finished is None else finished


def _inlined(name: str, link: Link, with_jquery: bool) -> Element:
    if name not in ASSETS:
        raise MissingAssetError(
            f"The map links to '{link.url}' ({name}), which is not among the vendored files; leave"
            " that element out, or add the file to package.json and to hotspots.maps.figure.ASSETS."
        )
    file = ASSETS[name]
    if file is None or (name == "jquery" and not with_jquery):
        return Verbatim("")
    if isinstance(link, CssLink):
        return Verbatim(f"<style>\n{_stylesheet(file)}\n</style>")
    assert isinstance(link, JavascriptLink)
    return Verbatim(f"<script>\n{_script(file)}\n</script>")


def _script(file: str) -> str:
    code = vendor_file(file).read_text(encoding="utf-8")
    # "</script" within a text of the library would end the element.
    return _SOURCE_MAP.sub("", code).replace("</script", "<\\/script")


def _stylesheet(file: str) -> str:
    folder = PurePosixPath(file).parent
    code = _SOURCE_MAP.sub("", vendor_file(file).read_text(encoding="utf-8"))
    return _CSS_URL.sub(lambda found: f'url("{_image(str(folder / found.group(2)))}")', code)


def _image(file: str) -> str:
    path = vendor_file(file)
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{_MIME[path.suffix]};base64,{encoded}"
