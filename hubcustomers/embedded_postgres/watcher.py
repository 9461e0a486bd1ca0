"""Stop a server whose last user was killed: ``python -m … DATA_DIR STATE_DIR``.

Who leaves in good order stops the server in person. The watcher, one for each running
server, is for kill -9, after which nobody would be left to do it.
"""

import contextlib
import sys
from pathlib import Path

from hubcustomers.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

if __name__ == "__main__":
    data_dir, state_dir = map(Path, sys.argv[1:])
    # The data folder may be removed while we wait; then there is nothing left to stop.
    with contextlib.suppress(OSError, EmbeddedPostgresError):
        EmbeddedPostgres(data_dir, state_dir=state_dir).watch()
