"""Programs that break out: not one escapes, behind all walls and behind half of them each.

Every bomb is small, and stays small where nothing stops it; the limits that stop it are read from inside first.
"""

import os
import platform
import socket
from pathlib import Path

import pytest
from tests.evaluate.sandbox.attacks import attack, passes, value

from glassworks.evaluate.sandbox.sandbox import Sandbox

NOT_READ = ("ModuleNotFoundError",)
"""Root's own Python, in a folder of root's, is not readable to nobody where there are no namespaces."""


def test_limits_hold_as_they_are_read_from_inside(walled: Sandbox) -> None:
    names = ("RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_CORE")
    program = f"import resource\ndef f(): return [resource.getrlimit(getattr(resource, n)) for n in {names}]"
    if "seccomp" in walled.layers:
        assert value(attack(walled, program)) == "PermissionError"  # nor can they be asked, or raised
        return
    got = value(attack(walled, program, megabytes=128))
    assert got == [(most, most) for most in (128 << 20, 0, 1 << 20, 32, 21, 0)]
    raised = "import resource\ndef f(): resource.setrlimit(resource.RLIMIT_NPROC, (9, 9))"
    assert value(attack(walled, raised)) in ("ValueError", "PermissionError")


FORKS = """
import os
{reload}
def f():
    begun = 0
    for _ in range(4):
        try:
            pid = {fork}()
        except OSError as error:
            continue
        if pid == 0:
            os._exit(0)
        begun += 1
    return begun
"""


@pytest.mark.parametrize("fork", ["os.fork", "os.forkpty", "__import__('posix').fork"])
def test_a_fork_bomb_begins_nothing(walled: Sandbox, fork: str) -> None:
    program = FORKS.format(fork=fork, reload="import importlib; importlib.reload(os)")
    got = attack(walled, program.replace("pid = os.forkpty()", "pid = os.forkpty()[0]"))
    assert value(got) == 0


def test_no_other_program_is_begun(walled: Sandbox, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for call in ("os.system('touch {0}')", "os.posix_spawn('/bin/touch', ['touch', '{0}'], {{}})"):
        attack(walled, "import os", call.format(mark))
    outcome = attack(walled, "import os", f"os.execv('/bin/touch', ['touch', {str(mark)!r}])")
    assert not passes(outcome, None)
    assert not mark.exists()


def test_no_thread_is_left_behind(walled: Sandbox) -> None:
    program = "import threading, time\ndef f():\n threading.Thread(target=time.sleep, args=(9,)).start()\n return 42"
    outcome = attack(walled, program)
    assert value(outcome) == "RuntimeError"


def test_a_memory_bomb_is_held(walled: Sandbox) -> None:
    outcome = attack(walled, "def f(): return len(bytearray(200 << 20))", megabytes=128)  # 200 MB, if nothing held
    assert value(outcome) == "MemoryError"
    assert outcome.megabytes < 128


def test_memory_in_many_pieces_is_held(walled: Sandbox) -> None:
    program = "def f():\n a = []\n for _ in range(200): a.append(bytearray(1 << 20))\n return len(a)"
    assert value(attack(walled, program, megabytes=128)) == "MemoryError"


def test_one_large_file_is_held(walled: Sandbox) -> None:
    program = "def f():\n with open('a', 'wb') as a:\n  for _ in range(4): a.write(bytes(1 << 20))\n return 'written'"
    assert not passes(attack(walled, program), "written")


def test_many_files_are_held(walled: Sandbox) -> None:
    program = (
        "def f():\n for n in range(20):\n  with open(str(n), 'wb') as a: a.write(bytes(1 << 20))\n return 'written'"
    )
    outcome = attack(walled, program)
    assert passes(outcome, "written") != ("namespaces" in walled.layers)  # 16 MB; else only each file is held


def test_files_left_read_only_are_gone(walled: Sandbox) -> None:
    program = (
        "import os\ndef f():\n os.makedirs('a/b', 0o555)\n os.close(os.open('c', os.O_CREAT | os.O_WRONLY, 0o400))\n"
        " os.mkdir('d', 0)\n return 42"
    )
    assert passes(attack(walled, program), 42)  # and attack() has looked what is left


def test_a_secret_is_not_read(walled: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden", encoding="utf-8")
    tmp_path.chmod(0o755)
    secret.chmod(0o644)
    for way in (f"open({str(secret)!r}).read()", "open('/etc/passwd').read()", "open('/proc/self/environ').read()"):
        got = value(attack(walled, "", way))
        assert got in ("FileNotFoundError", "PermissionError"), (way, got)
    link = f"import os\ndef f():\n os.symlink({str(secret)!r}, 'l')\n return open('l').read()"
    assert value(attack(walled, link)) in ("FileNotFoundError", "PermissionError")
    climb = f"open('../../../../../..' + {str(secret)!r}).read()"
    assert value(attack(walled, "", climb)) in ("FileNotFoundError", "PermissionError")


def test_installed_packages_where_answers_may_lie_are_not_read(walled: Sandbox) -> None:
    program = "import os, sysconfig\ndef f(): return os.listdir(sysconfig.get_paths()['stdlib'] + '/site-packages')"
    assert value(attack(walled, program)) in ([], "PermissionError", "FileNotFoundError")


def test_nothing_is_written_outside(walled: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    target = tmp_path / "written"
    for way in (f"open({str(target)!r}, 'w')", "open('/tmp/glassworks-attack', 'w')", "open('/usr/lib/x', 'w')"):
        got = value(attack(walled, "", way))
        assert got in ("FileNotFoundError", "PermissionError", "OSError"), (way, got)
    assert not target.exists()
    assert not Path("/tmp/glassworks-attack").exists()


def test_no_connection_is_made(walled: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        address = listening.getsockname()
        program = f"def f():\n import socket\n socket.create_connection({address}, 1).send(b'out')"
        assert value(attack(walled, program)) in ("PermissionError", "OSError", "ConnectionRefusedError", *NOT_READ)
        with pytest.raises(TimeoutError):
            listening.accept()


def test_no_abstract_socket_is_reached(walled: Sandbox) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"\0glassworks-attack{os.getpid()}")
        listening.listen()
        program = (
            f"def f():\n import socket\n socket.socket(socket.AF_UNIX).connect('\\0glassworks-attack{os.getpid()}')"
        )
        assert value(attack(walled, program)) in ("PermissionError", "ConnectionRefusedError", *NOT_READ)


def test_signals_reach_nobody_and_put_nothing_off(walled: Sandbox) -> None:
    kill = "import os, signal\ndef f():\n try: os.kill(os.getppid() or 1, 9)\n except OSError: pass\n return 42"
    assert passes(attack(walled, kill), 42)
    deaf = "import signal\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n except Exception: pass"
    outcome = attack(walled, deaf + "\ndef f():\n while True: pass", seconds=0.3)
    assert outcome.how == "took more than 0.3 s"
    alarm = "import signal, time\ndef g(*a): raise KeyboardInterrupt\nsignal.signal(14, g)\nsignal.setitimer(0, 0.02)"
    assert not passes(attack(walled, alarm + "\ndef f(): time.sleep(1)"), None)


def test_a_crash_is_named(walled: Sandbox) -> None:
    outcome = attack(walled, "import ctypes\ndef f(): ctypes.string_at(0)")
    assert outcome.how == "ended by SIGSEGV"


def test_output_without_end_goes_nowhere(walled: Sandbox) -> None:
    program = (
        "import sys, os\ndef f():\n for _ in range(20): print('x' * (1 << 20)); os.write(2, b'x' * 999)\n return 42"
    )
    assert passes(attack(walled, program, seconds=10.0), 42)


def test_answers_without_end_are_cut_off(walled: Sandbox) -> None:
    program = "import os\ndef f():\n for _ in range(20): os.write(3, b'x' * (1 << 20))\n while True: pass"
    outcome = attack(walled, program, seconds=10.0)
    assert outcome.how == "too much output"


def test_recursion_without_end_is_held(walled: Sandbox) -> None:
    assert value(attack(walled, "def f(): return f()")) == "RecursionError"
    deeper = "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()"
    assert not passes(attack(walled, deeper, megabytes=128, seconds=1.0), 42)


def test_only_its_own_handles_are_open(walled: Sandbox) -> None:
    program = """
import os
def f():
    found = []
    for n in range(256):
        try: found.append((n, os.fstat(n).st_rdev))
        except OSError: pass
    return found
"""
    got = value(attack(walled, program))
    assert [n for n, _ in got] == [0, 1, 2, 3]
    assert len({device for _, device in got[:3]}) == 1  # of nothing


def test_its_environment_is_empty(walled: Sandbox) -> None:
    assert set(value(attack(walled, "", "dict(__import__('os').environ)"))) <= {"LC_CTYPE"}  # Python's own


def test_what_one_program_changes_no_other_sees(walled: Sandbox) -> None:
    attack(walled, "import math, builtins\nmath.pi = 3\nbuiltins.len = None\ndef f(): return 42")
    assert value(attack(walled, "import math", "(math.pi > 3, len([1]))")) == (True, 1)


RAW = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*a): return libc.syscall(*a)
"""
CALLS = {
    "ptrace": 101, "unshare": 272, "mount": 165, "bpf": 321, "io_uring_setup": 425, "userfaultfd": 323, "keyctl": 250,
    "memfd_create": 319, "process_vm_readv": 310, "setns": 308, "kexec_load": 246, "shmget": 29, "prlimit64": 302,
    "socket": 41, "clone3": 435, "kill": 62, "chroot": 161, "pidfd_open": 434, "open_by_handle_at": 304,
}  # fmt: skip


def test_raw_system_calls_are_refused(walled: Sandbox) -> None:
    if platform.machine() != "x86_64" or "seccomp" not in walled.layers:
        pytest.skip("numbers of x86_64, behind the filter")
    calls = [f"({name!r}, call({number}, 0, 0, 0, 0, 0), ctypes.get_errno())" for name, number in CALLS.items()]
    got = [answer.value for answer in attack(walled, RAW, *calls).answers]
    assert got == [(name, -1, 1) for name in CALLS]  # EPERM


def test_rights_are_not_regained(walled: Sandbox) -> None:
    program = """
import os
def f():
    before = os.getuid()
    try: os.setuid(0)
    except OSError: pass
    return before, os.getuid()
"""
    before, after = value(attack(walled, program))
    assert before == after
    assert value(attack(walled, "import os", "os.chroot('.')")) == "PermissionError"
