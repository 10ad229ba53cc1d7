"""Each test of a store runs on a file and on a server."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data.choices.stores import server

from glassworks.data.choices.store import Store


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of the session."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder, server(Path(folder)) as url:
        yield url


@pytest.fixture
def emptied(postgres: str) -> str:
    """The server's URL, with nothing in its database."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(postgres.replace("postgresql:", "postgresql+pg8000:"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP SCHEMA public CASCADE"))
        connection.execute(sqlalchemy.text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres


@pytest.fixture(params=["file", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is: a file, then a server."""
    return str(tmp_path / "choices.sqlite") if request.param == "file" else request.getfixturevalue("emptied")


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """An empty store."""
    found = Store(where)
    yield found
    found.close()
