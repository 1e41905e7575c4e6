"""CPU seconds from a change in an editor to the findings: `editing.py ROOT FILE TIMES`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from lev_os.check.engine import Checker

root, file, times = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
checker = Checker(root)
checker.check([root])
text = file.read_text(encoding="utf-8")
checker.check_text(file, text, alone=True)
taken = []
for number in range(times):
    changed = f"{text}\nChanged {number} times.\n"
    began = time.process_time()
    checker.check_text(file, changed, alone=True)
    taken.append(time.process_time() - began)
print(json.dumps({"cpu": sorted(taken)[len(taken) // 2]}))
