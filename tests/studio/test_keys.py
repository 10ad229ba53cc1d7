"""Browsers that were let in are known again at the next start over the same runs, and nobody else is."""

import json
import os
import stat
from pathlib import Path

import pytest
from tests.studio.conftest import serve
from tests.studio.test_guard import asked

from glassworks.studio.guard import COOKIE
from glassworks.studio.keys import MOST, Keys, hashed, keys_of


def test_a_browser_is_known_again_by_the_next_start_and_the_token_of_the_last_one_is_worth_nothing(
    tmp_path: Path,
) -> None:
    first = serve(tmp_path, token="first", keys=Keys(tmp_path / ".studio" / "keys.json"))
    _, headers, _ = asked(first, "/?token=first", cookie="")
    cookie = headers["set-cookie"].split(";")[0]
    assert asked(first, "/theme.css", cookie=cookie)[0] == 200
    first.stop()
    second = serve(tmp_path, first.port, "second", keys=Keys(tmp_path / ".studio" / "keys.json"))
    assert asked(second, "/theme.css", cookie=cookie)[0] == 200
    for other in ("first", "second", hashed(cookie.split("=")[1])):
        assert asked(second, "/theme.css", cookie=f"{COOKIE}_{second.port}={other}")[0] == 403
    assert asked(second, "/?token=first", cookie="")[0] == 403
    second.stop()


def test_another_port_and_another_folder_know_nobody(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    key = keys_of(tmp_path / "runs", 1).new()
    assert keys_of(tmp_path / "runs", 1).know(key)
    assert not keys_of(tmp_path / "runs", 2).know(key)
    assert not keys_of(tmp_path, 1).know(key)


def test_what_is_kept_is_readable_by_the_user_alone_and_is_no_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys = keys_of(tmp_path, 8400)
        given = [keys.new() for _ in range(MOST + 3)]
    finally:
        os.umask(before)
    file = tmp_path / ".studio" / "8400.json"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]
    assert [path.name for path in file.parent.iterdir()] == ["8400.json"]
    assert json.loads(file.read_text()) == [hashed(key) for key in given[3:]]
    assert not any(key in file.read_text() for key in given)
    again = keys_of(tmp_path, 8400)
    assert [again.know(key) for key in given] == [False] * 3 + [True] * MOST


@pytest.mark.parametrize("content", ["{", "null", "3", "[3, null]", "[" * 30_000])
def test_a_damaged_file_knows_nobody_and_is_written_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / ".studio" / "1.json"
    file.parent.mkdir()
    file.touch(0o600)
    file.write_text(content)
    keys = keys_of(tmp_path, 1)
    assert keys.known == []
    key = keys.new()
    assert keys_of(tmp_path, 1).know(key)


def test_a_file_that_others_may_write_or_that_is_a_link_is_not_believed(tmp_path: Path) -> None:
    """In a folder of runs that is shared, another user could have put it there."""
    key = keys_of(tmp_path, 1).new()
    file = tmp_path / ".studio" / "1.json"
    file.chmod(0o620)
    assert not keys_of(tmp_path, 1).know(key)
    file.chmod(0o600)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert not keys_of(tmp_path, 1).know(key)


def test_where_nothing_can_be_written_browsers_are_known_until_the_end(tmp_path: Path) -> None:
    keys = keys_of(tmp_path / "not there", 1)
    assert keys.know(keys.new())
    assert not (tmp_path / "not there").exists()
