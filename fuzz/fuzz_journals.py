"""Journals: each line by itself, and rightly chained so that what is inside is read too."""

import contextlib

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import tempfile
    from pathlib import Path

    import harness
    import msgspec
    from lev_os.core.bidirectional.effects import Record
    from lev_os.core.bidirectional.journal import read_journal
    from lev_os.core.constitutional import audit

SEEDS = (
    '{"seq":1,"at":0.0,"type":"run_started","key":null,"attempt":null,"body":{"run":"r"},"prev":null,"digest":"x"}\n',
    '{"phase":"pre","digest":"sha256:0","ruling":"deny","findings":[{"principle":"P","ruling":"deny","message":"m"}]}',
    '{"digest":"d","approved":true,"note":"n"}',
)
FOLDER = Path(tempfile.mkdtemp())


def target(data: bytes) -> None:
    """As a file, and as the body of a verdict and an approval in the audit trail."""
    file = FOLDER / "journal.jsonl"
    file.write_bytes(data)
    with contextlib.suppress(harness.LevError):
        read_journal(file)
    try:
        body = harness.decode(data)
    except ValueError:
        return
    try:
        list(audit.read([Record(type=name, at=0.0, key="k", attempt=1, body=body) for name in ("verdict", "approval")]))
    except msgspec.ValidationError:
        return


if __name__ == "__main__":
    harness.run("journals", target, SEEDS, ('"seq":', "null", "1e999", '"body":', '"digest":', "\x00"))
