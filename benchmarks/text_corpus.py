"""A folder of Markdown of about 6 kB a file: headings, paragraphs and code of words from this project's own pages."""

from __future__ import annotations

import os
import random
from pathlib import Path

from .measure import ROOT

FILES = 1_000
_BYTES = 6_000


def write(folder: Path) -> Path:
    """The same thousand files each time, in twenty folders; long ago, so that caches trust them."""

    words = " ".join(page.read_text("utf-8") for page in sorted((ROOT / "docs").glob("*.md"))).split()
    rng = random.Random(7)
    for number in range(FILES):
        file = folder / f"area{number % 20:02d}" / f"page{number:04d}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        blocks = [f"# Page {number}"]
        while sum(map(len, blocks)) < _BYTES:
            if len(blocks) % 7 == 0:
                blocks.append("## " + " ".join(rng.sample(words, 4)).replace("#", "").replace("`", ""))
            else:
                start = rng.randrange(len(words) - 80)
                blocks.append(" ".join(words[start : start + rng.randrange(30, 80)]).replace("```", ""))
        file.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
        os.utime(file, (0, 1_000_000))
    return folder
