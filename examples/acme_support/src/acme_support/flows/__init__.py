"""What the desk does: `from acme_support.flows import triage` gives an async function."""

from lev_os.core import expose

__getattr__, __dir__, __all__ = expose(__name__)
