from pathlib import Path

import pytest

from glassworks.core.machine import memory


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up /proc and /sys/fs/cgroup."""
    for name in ("PROC", "CGROUPS"):
        monkeypatch.setattr(memory, name, tmp_path / name)
    write(tmp_path / "PROC" / "meminfo", "MemTotal: 99 kB\nMemAvailable:  16 kB\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_without_control_groups_it_is_what_the_machine_has(machine: Path) -> None:
    assert memory.free_memory() == 16 * 1024
    (machine / "PROC" / "meminfo").unlink()
    assert memory.free_memory() is None


def test_the_narrowest_limit_of_version_2_counts_and_dropped_cache_is_free(machine: Path) -> None:
    write(machine / "PROC" / "self" / "cgroup", "0::/job/step\n")
    job = machine / "CGROUPS" / "job"
    for folder, limit, used in ((job, "9000", "7000"), (job / "step", "max", "6000")):
        write(folder / "memory.max", limit + "\n")
        write(folder / "memory.current", used + "\n")
        write(folder / "memory.stat", "anon 5\ninactive_file 500\n")
    assert memory.free_memory() == 9000 - 7000 + 500


def test_limits_of_version_1_count_and_its_no_limit_is_none(machine: Path) -> None:
    write(machine / "PROC" / "self" / "cgroup", "5:devices:/x\n4:cpu,memory:/gone\n0::/\n")
    root = machine / "CGROUPS" / "memory"  # in a container the group's own folder may not be there
    write(root / "memory.limit_in_bytes", "9223372036854771712\n")
    assert memory.free_memory() == 16 * 1024
    write(root / "memory.limit_in_bytes", "8000\n")
    write(root / "memory.usage_in_bytes", "3000\n")
    write(root / "memory.stat", "inactive_file 1\ntotal_inactive_file 200\n")
    assert memory.free_memory() == 5200


def test_a_group_above_its_limit_has_nothing_free(machine: Path) -> None:
    write(machine / "PROC" / "self" / "cgroup", "0::/\n")
    write(machine / "CGROUPS" / "memory.max", "100\n")
    write(machine / "CGROUPS" / "memory.current", "200\n")
    assert memory.free_memory() == 0


def test_here_it_is_a_number_of_bytes() -> None:
    free = memory.free_memory()
    assert free is None or free > 1 << 20
