"""Quality report of a layer: statistics, implausible properties, and an HTML page."""
