"""Let ``python -m hotspots`` be the command line."""

from hotspots.cli import main

main()
