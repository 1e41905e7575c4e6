"""HTTP on this machine, guarded: where to listen (`Listen`), who may ask (`guarding`), and a server (`serving`).

    from lev_os.core.listening.serving import serve

    serve(lambda address: app, Listen(port=8765), name="lev mcp")

The server is uvicorn, which the packages that serve bring.
"""

from .address import Listen, is_loopback, read_token

__all__ = ["Listen", "is_loopback", "read_token"]
