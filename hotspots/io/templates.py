"""The package's Jinja2 templates: always files of the package, so no data is read as a template."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def rendered(package: str, template: str, /, **values: object) -> str:
    """Return a template filled with values, without the line end that ends the file.

    Parameters
    ----------
    package : str
        Package with the template in its folder ``templates``, such as "hotspots.maps".
    template : str
        Name of the file. Values are escaped in ``*.html.j2``, and put in as they are in
        ``*.md.j2``. Both names are literals where this is called, which a test checks.
    values
        All values that the template names: one that is missing is an error.
    """
    return _environment(package).get_template(template).render(**values)


@cache
def _environment(package: str) -> jinja2.Environment:
    # Loaded here, since most of what imports this module prints no page.
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        # Whatever isn't known to be Markdown is escaped.
        autoescape=jinja2.select_autoescape(
            disabled_extensions=("md.j2",), default_for_string=True, default=True
        ),
        undefined=jinja2.StrictUndefined,
    )
