"""Specifiers."""

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import harness
    from lev_os.core.packaging.specifiers import parse_specifier

SEEDS = ("./contexts/x", "acme/flows/triage", "lev://lev_os.core/contexts/a", "acme-support/x", ".", "./a%2fb")

if __name__ == "__main__":
    harness.run(
        "specifiers", lambda data: parse_specifier(harness.text(data)), SEEDS, ("lev://", "./", "..", "%2e", "*")
    )
