"""Discover what is installed. Arguments: site-packages, cold or warm, times. CPU seconds of one discovery."""

import json
import shutil
import sys
import tempfile
import time
from os import environ

environ["LEV_CACHE_DIR"] = cache = tempfile.mkdtemp()

from lev_os.core.packaging import discover  # the cache's place is read before

site, mode, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
used = 0.0
try:
    found = len(discover([site]).packages)
    for _ in range(times):
        if mode == "cold":
            shutil.rmtree(cache)
        begun = time.process_time()
        discover([site])
        used += time.process_time() - begun
finally:
    shutil.rmtree(cache, ignore_errors=True)
print(json.dumps({"packages": found, "cpu": used / times}))
