"""What a context says of code, against the code that is installed."""

from __future__ import annotations

from ...drift import mentions as mentions  # the fact must be known before files are read, or they are read twice
