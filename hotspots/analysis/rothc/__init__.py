"""RothC: the model, its drivers and kernel, plant input, and GSOCseq built on it."""

from hotspots.analysis.rothc.model import *  # noqa: F403
