"""What the desk knows: `from acme_support.contexts import refund_policy` gives a `Context`."""

from lev_os.core import expose

__getattr__, __dir__, __all__ = expose(__name__)
