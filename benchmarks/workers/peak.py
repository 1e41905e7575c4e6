"""The most memory that a command took, its processes included, in MB: `peak.py COMMAND…`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
print(json.dumps({"mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))
