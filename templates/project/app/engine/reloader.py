"""uvicorn's reloader, which also ends a server that is stuck."""

import logging
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # To type checkers, uvicorn's ChangeReload is a variable, of which there are no subclasses.
    from uvicorn.supervisors.basereload import BaseReload as ChangeReload
else:
    from uvicorn.supervisors import ChangeReload

log = logging.getLogger(__name__)

# A server that is not stuck needs less: see SocketServer.stop and timeout_graceful_shutdown.
PATIENCE_S: Final = 5


class Reloader(ChangeReload):
    """Restarts the server when a file changes.

    uvicorn's own waits without limit for the server to end. That never happens while a module has an endless
    loop, so that neither mending the module nor Ctrl-C would help.
    """

    def restart(self) -> None:
        self._end_server()
        super().restart()

    def shutdown(self) -> None:
        self._end_server()
        super().shutdown()

    def _end_server(self) -> None:
        if sys.platform == "win32":
            return  # terminate() would be a kill there; uvicorn sends Ctrl-C instead.
        self.process.terminate()
        self.process.join(PATIENCE_S)
        if self.process.is_alive():
            log.warning("The server is stuck, and did not end within %s s: killed", PATIENCE_S)
            self.process.kill()
