"""A store on the network to put run folders into: an FTP server in a thread, and a store that fails."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

PASSWORD = "not-to-be-shown"


@contextmanager
def ftp(folder: Path) -> Iterator[str]:
    """Serve `folder`; the address of a folder in it."""
    authorizer = DummyAuthorizer()
    authorizer.add_user("somebody", PASSWORD, str(folder), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    port = server.socket.getsockname()[1]
    serving = threading.Thread(target=server.serve_forever, kwargs={"handle_exit": False}, daemon=True)
    serving.start()
    try:
        yield f"ftp://somebody:{PASSWORD}@127.0.0.1:{port}/runs/mine"
    finally:
        server.close_all()
        serving.join()


class Failing(LocalFileSystem):
    """Files of this machine, of which only so many are taken."""

    protocol = "failing"
    cachable = False
    left = 0

    def put_file(self, lpath: str, rpath: str, **more: object) -> None:
        if Failing.left == 0:
            raise ConnectionResetError("the store is gone")
        Failing.left -= 1
        super().put_file(lpath, rpath, **more)
