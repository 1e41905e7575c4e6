"""`python -m lev_os.cli` is `lev`."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
