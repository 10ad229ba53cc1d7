"""Where choices are kept: one SQLite file, or a PostgreSQL server by its URL, behind the same few calls.

Statements are SQL that both understand, with values by :name. A block of `write` is one transaction: whole and on the
disk when it ends, or not there. SQLite comes with Python; a URL needs SQLAlchemy, which the extra `postgres` brings.
"""

import errno
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged, RunError

Execute = Callable[..., list[tuple[Any, ...]]]
"""(statement, values or a sequence of them) to the rows that it gives."""
WAIT = 30.0
"""Seconds to wait for another process's transaction."""
URL = re.compile(r"[a-z][a-z0-9+]*://", re.I)


def open_database(where: Path | str, schema: Sequence[str], kept: Sequence[str], *, create: bool) -> "File | Server":
    """The file or server, with its tables; those that are `kept` refuse every change of a row.

    Raises: FileNotFoundError without `create`; FileDamaged for a file that is no SQLite; RunError for a server that
    does not answer; ValueError for a URL of another kind.
    """
    if isinstance(where, str) and URL.match(where):
        return Server(where, schema, kept)
    return File(Path(where), schema, kept, create=create)


class File:
    """One SQLite file. A rollback journal, so that between transactions there is no second file that belongs to it."""

    def __init__(self, path: Path, schema: Sequence[str], kept: Sequence[str], *, create: bool) -> None:
        self.path, self.where = path, str(path)
        if not create and not path.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.transaction("rwc", "IMMEDIATE") as execute:
                for statement in schema:
                    execute(statement.replace("{bytes}", "BLOB"))
                for table in kept:
                    for change in ("UPDATE", "DELETE"):
                        execute(
                            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{change.lower()} BEFORE {change} ON {table} "
                            f"BEGIN SELECT RAISE(ABORT, '{table} are added to, never changed'); END"
                        )

    def read(self) -> AbstractContextManager[Execute]:
        """A transaction that reads."""
        return self.transaction("rw", "DEFERRED")

    def write(self) -> AbstractContextManager[Execute]:
        """A transaction that no other can run beside."""
        return self.transaction("rw", "IMMEDIATE")

    def close(self) -> None:
        """There are none between transactions."""

    @contextmanager
    def transaction(self, mode: str, kind: str) -> Iterator[Execute]:
        """A connection of its own: none is left open by a thread that ends, or shared by two."""
        with self.errors():
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT, isolation_level=None
            )
            try:
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute(
                    "PRAGMA synchronous = EXTRA"
                )  # on the disk when `write` ends, the journal's end, too

                def execute(statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
                    many = isinstance(values, list)
                    run = connection.executemany if many else connection.execute
                    return run(statement, values).fetchall()

                connection.execute(f"BEGIN {kind}")
                try:
                    yield execute
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):  # a full disk has ended it already
                        connection.execute("ROLLBACK")
                    raise
            finally:
                connection.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """SQLite's errors as ours and the system's."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            name, said = getattr(error, "sqlite_errorname", ""), str(error)
            if name.startswith("SQLITE_FULL"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.where) from None
            if name.startswith("SQLITE_IOERR"):
                raise OSError(errno.EIO, os.strerror(errno.EIO), self.where) from None
            if name.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.where) from None
            if name.startswith("SQLITE_CANTOPEN"):
                gone = not self.path.exists()
                number = errno.ENOENT if gone else errno.EACCES
                raise OSError(number, os.strerror(number), self.where) from None
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise RunError(f"{self.where} is held by another process for {WAIT:.0f} s: try again") from None
            if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "no such table" in said:
                raise FileDamaged(f"{self.where} is no store of choices ({said}): restore it") from None
            raise


class Server:
    """A PostgreSQL server, through SQLAlchemy."""

    def __init__(self, url: str, schema: Sequence[str], kept: Sequence[str]) -> None:
        try:
            import sqlalchemy
            from sqlalchemy.exc import ArgumentError, NoSuchModuleError
        except ImportError:
            raise ValueError(
                "a store by its URL needs SQLAlchemy and pg8000: pip install 'glassworks[postgres]'"
            ) from None
        self.text = sqlalchemy.text
        try:
            address = sqlalchemy.make_url(url)
            self.where = address.render_as_string(hide_password=True)
            if address.get_backend_name() != "postgresql":
                raise ValueError(f"store (={self.where!r}) must be a file, or a URL postgresql://user@host/database")
            if address.drivername == "postgresql":
                address = address.set(drivername="postgresql+pg8000")
            self.engine = sqlalchemy.create_engine(address, pool_pre_ping=True)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise ValueError(
                f"store is no URL that can be opened ({error}): give postgresql://user@host/database"
            ) from None
        with self.transaction() as execute:
            execute("SELECT pg_advisory_xact_lock(7274)")  # two that make the tables at once would collide
            for statement in schema:
                execute(statement.replace("{bytes}", "BYTEA"))
            for table in kept:
                execute(
                    f"CREATE OR REPLACE FUNCTION {table}_stay() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN RAISE EXCEPTION '{table} are added to, never changed'; END $$"
                )
                execute(
                    f"CREATE OR REPLACE TRIGGER {table}_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                    f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_stay()"
                )

    def read(self) -> AbstractContextManager[Execute]:
        """A transaction that reads."""
        return self.transaction()

    @contextmanager
    def write(self) -> Iterator[Execute]:
        """A transaction that no other that writes can run beside."""
        with self.transaction() as execute:
            execute("SELECT pg_advisory_xact_lock(7273)")
            yield execute

    def close(self) -> None:
        """Close the pool."""
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """A connection from the pool; the server's errors in one line."""
        from sqlalchemy.exc import DBAPIError

        connected = False
        try:
            with self.engine.connect() as connection:
                connected = True

                def execute(statement: str, values: Any = None) -> list[tuple[Any, ...]]:
                    result = connection.execute(self.text(statement), values or {})
                    return [tuple(row) for row in result] if result.returns_rows else []

                with connection.begin():
                    yield execute
        except DBAPIError as error:
            said = one_line(error.orig)
            if not connected or error.connection_invalidated:
                raise RunError(f"{self.where} does not answer ({said}): is the server up?") from None
            raise RunError(f"{self.where} refuses: {said}") from None


def one_line(error: Any) -> str:
    """What a server says, in a line: pg8000 has its fields, of which M is the message."""
    fields = error.args[0] if getattr(error, "args", ()) else error
    said = fields.get("M", fields) if isinstance(fields, dict) else error
    return (str(said).strip().splitlines() or [type(error).__name__])[0]
