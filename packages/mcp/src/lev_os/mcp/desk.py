"""The desk: drives runs for hosts, one call at a time, and keeps nothing in memory between two calls.

Each call opens the run's journal (which locks it), lets the run do all that is ours to do, makes the reply and
closes it again. So a restarted server, a second server and `lev runs approve` all see the same run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.flowmind import Flow
from lev_os.core.packaging import Export, Package

from . import leases, replies
from .arguments import MISSING, oversized
from .catalog import Catalog, Offered, nearest
from .driving import Driver
from .replies import Reply, call
from .tokens import Mint, Ticket, is_run_name
