"""Run every harness of this folder for its share of the minutes; status 1 when one of them has found something."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """A line a harness: how often it ran, for how long, and whether it ended well."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=5.0, help="for all harnesses together")
    options.add_argument("names", nargs="*", help="only these, such as `flows`")
    chosen = options.parse_args()
    files = sorted(HERE.glob("fuzz_*.py"))
    if chosen.names:
        files = [file for file in files if file.stem.removeprefix("fuzz_") in chosen.names]
    seconds = max(1, int(chosen.minutes * 60 / len(files)))
    bad = 0
    for file in files:
        began = time.monotonic()
        ran = subprocess.run(
            [sys.executable, str(file), f"-max_total_time={seconds}", "-verbosity=1"],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        tried = re.findall(r"^#(\d+)\t", ran.stderr, re.MULTILINE)[-1:] or ["no"]
        state = "fine" if ran.returncode == 0 else "FOUND SOMETHING"
        print(f"{file.stem:24} {time.monotonic() - began:6.0f} s  {tried[0]:>9} inputs  {state}", flush=True)
        if ran.returncode:
            bad += 1
            print("\n".join((ran.stdout + ran.stderr).splitlines()[-40:]), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
