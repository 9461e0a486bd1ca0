"""A PostgreSQL server of our own for machines where nobody installed one.

The first process that needs the server starts it, all processes share it, and the last
one out stops it (design section 2). What to know before a change:

- Life is judged by connecting to the socket, never by a process id: ids are reused.
- Users are counted by shared locks on a file. The kernel drops them with the process,
  so nobody who was killed is counted for ever. Lock order: start, then users.
- PostgreSQL refuses to run as root. Root runs it as ``nobody``.
"""

from hubcustomers.embedded_postgres.errors import EmbeddedPostgresError
from hubcustomers.embedded_postgres.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
