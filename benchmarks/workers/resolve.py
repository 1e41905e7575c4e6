"""Resolve every case of a file often enough to time it. Arguments: the file of cases, times."""

import json
import sys
import time
from pathlib import Path

from lev_os.core.packaging import ExportNotFound, resolve_exports

cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
conditions = frozenset(cases["conditions"])
pairs = [(case["exports"], subpath) for case in cases["cases"] for subpath in case["subpaths"]]
found = 0
begun = time.process_time()
for _ in range(int(sys.argv[2])):
    for exports, subpath in pairs:
        try:
            resolve_exports(exports, subpath, conditions)
            found += 1
        except ExportNotFound:
            pass
used = time.process_time() - begun
print(json.dumps({"resolutions": len(pairs) * int(sys.argv[2]), "found": found, "cpu": used}))
