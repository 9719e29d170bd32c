"""Programs of models and tasks: what they cannot do, what they cannot see, and how they are ended.

Where this machine allows no namespaces the programs are not run at all, which the first test would show; a machine
that checks Rubricate has to allow them.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from workers import sandbox
from workers.sandbox import Ending, Limits, SandboxUnavailableError, commands, running
from workers.sandbox.commands import UnknownCommandError, command_named

MEBIBYTE = 2**20


def run_python(code: str, *, stdin: bytes = b"", folders: tuple[str, ...] = (), **limits):
    command = command_named("python")
    return sandbox.run(
        command.for_file(command.file),
        files={command.file: code.encode()},
        stdin=stdin,
        limits=Limits(**limits),
        folders=(*command.folders, *folders),
    )


def printed(code: str, **given) -> str:
    finished = run_python(code, **given)
    assert finished.is_success, finished
    return finished.stdout.decode().strip()


def said_of(code: str, **given) -> str:
    """What a program says of what it tried: the class of the error, or its own words."""
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    return printed(f"try:\n{lines}\nexcept BaseException as error:\n    print(type(error).__name__)", **given)


def test_this_machine_can_run_programs_safely():
    assert sandbox.obstacle() == ""


def test_a_program_reads_its_input_and_its_exit_code_and_words_come_back():
    finished = run_python(
        "import sys; print(sys.stdin.read().upper()); print('why', file=sys.stderr); sys.exit(3)", stdin="né".encode()
    )
    assert (finished.ending, finished.exit_code) == (Ending.EXITED, 3)
    assert finished.stdout.decode() == "NÉ\n"
    assert finished.stderr.decode() == "why\n"
    assert not finished.is_success


def test_there_is_no_network_not_even_to_this_machine():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass  # outside it answers
        tried = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2); print('reached')"
        assert said_of(tried) == "OSError"
    interfaces = printed("import socket; print(*(name for _, name in socket.if_nameindex()))").split()
    # Tunnels that some kernels put into every namespace, and that lead nowhere.
    assert {name for name in interfaces if not name.endswith("0")} <= {"lo"}


def test_an_abstract_socket_of_this_machine_is_out_of_reach():
    name = f"\0rubricate-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        tried = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r}); print('reached')"
        assert said_of(tried) == "ConnectionRefusedError"


def test_secrets_and_files_of_this_machine_are_not_there(settings, tmp_path):
    secret = tmp_path / "secret_key"
    secret.write_text("hush")
    places = [secret, settings.VAR_DIR, settings.BASE_DIR / "manage.py", "/etc/shadow", "/etc/hostname", "/root/.ssh"]
    tried = "import os; print([os.path.exists(place) for place in " + repr([str(place) for place in places]) + "])"
    assert printed(tried) == str([False] * len(places))
    assert printed("import os; print(sorted(os.listdir('/etc')))") == str(
        sorted(["alternatives", "group", "ld.so.cache", "passwd"])
    )


def test_what_must_stay_hidden_stays_so_in_a_folder_that_is_shown(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    tmp_path.chmod(0o755)
    settings.VAR_DIR.mkdir()
    (settings.VAR_DIR / "secret_key").write_text("hush")
    (tmp_path / "tool").write_text("a tool")
    tried = f"import os; print(os.listdir({str(tmp_path)!r}), os.listdir({str(settings.VAR_DIR)!r}))"
    assert "secret_key" not in printed(tried, folders=(str(tmp_path),))
    assert "'tool'" in printed(tried, folders=(str(tmp_path),))


def test_the_environment_of_the_worker_is_not_passed_on(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hush")
    names = json.loads(printed("import json, os; print(json.dumps(sorted(os.environ)))"))
    assert names == ["HOME", "LANG", "LC_CTYPE", "PATH", "TMPDIR"] or names == ["HOME", "LANG", "PATH", "TMPDIR"]
    everyones = "import glob; print(b'hush' in b''.join(open(f, 'rb').read() for f in glob.glob('/proc/*/environ')))"
    assert said_of(everyones) in {"False", "PermissionError"}


def test_files_that_the_worker_holds_open_are_not_passed_on():
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        held = json.loads(printed("import json, os; print(json.dumps(sorted(map(int, os.listdir('/proc/self/fd')))))"))
    finally:
        os.close(reading)
        os.close(writing)
    # The last one is the listing itself.
    assert held == [0, 1, 2, 3]


def test_only_its_own_small_folder_can_be_written():
    assert printed("open('/tmp/x', 'w').write('a'); print(open('x').read())") == "a"
    assert not Path("/tmp/x").exists()
    for place in ("/x", "/usr/x", "/etc/passwd", "/dev/x", "/proc/sys/kernel/hostname"):
        assert said_of(f"open({place!r}, 'w'); print('written')") in {"OSError", "PermissionError", "FileNotFoundError"}
    fill = "for n in range(100):\n    open(f'f{n}', 'wb').write(bytes(2**20))\nprint('filled')"
    assert said_of(fill, disk_bytes=8 * MEBIBYTE) == "OSError"
    assert said_of("open('big', 'wb').write(bytes(9 * 2**20)); print('filled')", disk_bytes=8 * MEBIBYTE) == "OSError"


def test_one_program_leaves_nothing_to_the_next():
    assert printed("open('note', 'w').write('a'); print('left')") == "left"
    assert printed("import os; print(os.listdir('/tmp'))") == "['main.py']"


def test_it_has_no_capability_and_can_gain_none():
    status = printed("print(open('/proc/self/status').read())")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    assert facts["Uid"].split() == ["1000"] * 4
    # Refused, or no such account: where an ordinary user runs it, there is no root inside at all.
    assert said_of("import os; os.setuid(0); print('root')") in {"PermissionError", "OSError"}
    made = "import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))"
    assert said_of(made) == "-1", "a user namespace of its own would give it capabilities"


def test_other_processes_of_this_machine_can_be_neither_seen_nor_killed():
    seen = json.loads(printed("import json, os; print(json.dumps([p for p in os.listdir('/proc') if p.isdigit()]))"))
    assert len(seen) == 2, "the first process inside, and the program"
    tried = f"import os, signal; os.kill({os.getpid()}, signal.SIGKILL); print('killed')"
    assert said_of(tried) == "ProcessLookupError"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP", "SIGHUP"])
def test_killing_its_parent_does_not_get_it_out(name):
    tried = f"import os, signal; os.kill(os.getppid(), signal.{name})"
    ending = run_python(f"try:\n    {tried}\nexcept PermissionError:\n    pass\nprint('on')", wall_seconds=5)
    assert ending.is_success
    assert ending.stdout == b"on\n"


def test_the_report_of_its_end_cannot_be_forged():
    forge = """
import os
for fd in range(3, 64):
    try:
        os.write(fd, b'{"exit": 0}\\n')
    except OSError:
        pass
for fd in range(64):
    try:
        open(f'/proc/1/fd/{fd}', 'w').write('{"exit": 0}\\n')
    except OSError:
        pass
os._exit(7)
"""
    assert run_python(forge).exit_code == 7


def test_an_endless_loop_is_ended_by_the_clock():
    finished = run_python("print('on', flush=True)\nwhile True: pass", wall_seconds=0.5)
    assert finished.ending == Ending.TIMED_OUT
    assert finished.exit_code is None
    assert finished.stdout == b"on\n"


def test_a_sleeper_is_ended_by_the_clock_and_a_worker_by_its_processor_time():
    assert run_python("import time; time.sleep(60)", wall_seconds=0.5).ending == Ending.TIMED_OUT
    assert run_python("while True: pass", wall_seconds=30, cpu_seconds=1).ending == Ending.TIMED_OUT


def test_a_fork_bomb_is_ended_and_nothing_of_it_is_left():
    before = {process.pid for process in psutil.process_iter()}
    bomb = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    assert run_python(bomb, wall_seconds=1, processes=16).ending == Ending.TIMED_OUT
    left = [process for process in psutil.process_iter(["cmdline"]) if process.pid not in before]
    assert not [process for process in left if "main.py" in " ".join(process.info["cmdline"] or [])]


def test_processes_are_counted():
    count = """
import os, time
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        made += 1
except BlockingIOError:
    pass
print(made)
"""
    assert 1 <= int(printed(count, processes=8)) <= 8


def test_a_child_that_hides_in_a_session_of_its_own_ends_with_the_program():
    hide = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\nprint('gone')"
    finished = run_python(hide, wall_seconds=20)
    assert finished.is_success
    assert finished.seconds < 15


def test_a_memory_bomb_gets_no_memory_in_one_process_and_is_ended_in_many():
    assert said_of("x = bytearray(2**30); print('got it')", memory_bytes=256 * MEBIBYTE) == "MemoryError"
    many = "import os, time\nfor _ in range(3):\n    os.fork()\nx = bytearray(60 * 2**20)\ntime.sleep(60)"
    finished = run_python(many, memory_bytes=256 * MEBIBYTE, processes=30, wall_seconds=20)
    assert finished.ending == Ending.OUT_OF_MEMORY


def test_memory_in_use_is_limited_where_the_address_space_is_not():
    grow = "x = []\nwhile True: x.append(bytearray(2**20))"
    finished = run_python(grow, memory_bytes=128 * MEBIBYTE, address_space=False, wall_seconds=20)
    assert finished.ending == Ending.OUT_OF_MEMORY


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_is_cut_and_ended(stream):
    finished = run_python(f"import sys\nwhile True: sys.{stream}.write('x' * 65536)", output_bytes=MEBIBYTE)
    assert finished.ending == Ending.TOO_MUCH_OUTPUT
    assert len(getattr(finished, stream)) == MEBIBYTE


def test_input_that_nobody_reads_is_no_hindrance():
    assert run_python("print('on')", stdin=b"x" * (4 * MEBIBYTE)).is_success


def test_a_program_that_dies_of_a_signal_says_so():
    finished = run_python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (finished.ending, finished.exit_code) == (Ending.KILLED, None)


def test_nothing_is_left_open_or_running_after_endings_of_every_kind():
    held, children = psutil.Process().num_fds(), psutil.Process().children(recursive=True)
    for _ in range(5):
        run_python("print('on')")
        run_python("while True: pass", wall_seconds=0.1)
        with pytest.raises(SandboxUnavailableError):
            sandbox.run(["/no/such/program"])
    assert psutil.Process().num_fds() == held
    assert set(psutil.Process().children(recursive=True)) <= set(children)


def test_when_the_worker_is_killed_the_program_ends_too(tmp_path):
    root = Path(sandbox.__file__).parents[2]
    roots = [str(root), str(root / "platform")]
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import os, sys\n"
        f"sys.path[:0] = {roots}\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'rubricate.settings.test'\n"
        "from workers import sandbox\n"
        "from workers.sandbox import Limits\n"
        "sandbox.run(['/bin/sleep', '300.25'], limits=Limits(wall_seconds=300))\n"
    )
    with subprocess.Popen([sys.executable, str(worker)]) as process:
        sleeper = _wait_for("300.25")
        process.kill()
    psutil.wait_procs([sleeper], timeout=10)
    assert not sleeper.is_running()


def _wait_for(argument: str) -> psutil.Process:
    """The process with that argument, once there is one."""
    looked = threading.Event()
    for _ in range(600):
        for process in psutil.process_iter(["cmdline"]):
            if argument in (process.info["cmdline"] or []):
                return process
        looked.wait(0.05)
    raise AssertionError(f"no process with {argument}")


def test_a_command_that_is_not_there_is_no_result():
    with pytest.raises(SandboxUnavailableError, match="/no/such/program cannot be started"):
        sandbox.run(["/no/such/program"])


def test_a_file_name_cannot_lead_out_of_the_folder():
    for name in ("../x", "/etc/x", "", "..", "a\0b"):
        with pytest.raises(ValueError, match="plain name"):
            sandbox.run(["/bin/true"], files={name: b""})


def test_where_the_kernel_refuses_the_reason_is_given_and_nothing_is_run(monkeypatch, tmp_path):
    refusing = tmp_path / "launcher.py"
    launcher = Path(running.LAUNCHER).read_text()
    assert "check(libc.unshare(NEW_NAMESPACES)" in launcher
    # A flag that no kernel knows: unshare(2) refuses it as it refuses what a container forbids.
    refusing.write_text(launcher.replace("libc.unshare(NEW_NAMESPACES)", "libc.unshare(NEW_NAMESPACES | 1)"))
    monkeypatch.setattr(running, "LAUNCHER", refusing)
    with pytest.raises(SandboxUnavailableError, match="new namespaces: Invalid argument"):
        run_python("print('on')")
    running.obstacle.cache_clear()
    try:
        assert sandbox.obstacle() == "new namespaces: Invalid argument"
    finally:
        running.obstacle.cache_clear()


@pytest.mark.skipif(os.geteuid() != 0, reason="all other tests here run as an ordinary user")
def test_an_ordinary_user_can_run_programs_too():
    python = next((found for found in ("/usr/bin/python3", "/usr/local/bin/python3") if shutil.which(found)), None)
    if python is None:
        pytest.skip("no interpreter that every user may start")
    order = {
        "command": ["/bin/sh", "-c", "id -u; cat /proc/self/status"],
        "environment": {},
        "files": {},
        "limits": {name: getattr(Limits(), name) for name in Limits.__dataclass_fields__},
        "folders": [],
        "hidden": [],
        "outside_id": None,
    }
    order_file, report = os.memfd_create("order"), os.memfd_create("report")
    os.write(order_file, json.dumps(order).encode())
    os.lseek(order_file, 0, os.SEEK_SET)
    done = subprocess.run(
        [python, "-I", "-S", "-c", Path(running.LAUNCHER).read_text(), str(order_file), str(report)],
        user=running.NOBODY,
        group=running.NOBODY,
        extra_groups=[],
        pass_fds=(order_file, report),
        cwd="/",
        capture_output=True,
        timeout=60,
        check=False,
    )
    os.lseek(report, 0, os.SEEK_SET)
    reported = [json.loads(line) for line in os.read(report, 10_000).splitlines()]
    os.close(order_file)
    os.close(report)
    assert reported == [{"ready": True}, {"exit": 0}], done.stderr.decode()
    assert done.stdout.startswith(b"1000\n")
    assert b"CapEff:\t0000000000000000" in done.stdout
    assert b"CapBnd:\t0000000000000000" in done.stdout


def test_python_is_a_command_and_operators_add_their_own(settings):
    settings.SANDBOX_COMMANDS = {
        "shell": {"command": ["/bin/sh", "{file}"], "file": "main.sh", "address_space": False},
        "broken": {"command": ["sh", "{file}"], "file": "main.sh"},
        "half": {"command": ["/bin/sh"]},
    }
    shell = command_named("shell")
    assert shell == commands.Command(("/bin/sh", "{file}"), "main.sh", (), address_space=False)
    finished = sandbox.run(shell.for_file(shell.file), files={shell.file: b"echo $((6 * 7))"})
    assert finished.stdout == b"42\n"
    with pytest.raises(UnknownCommandError, match="python, shell"):
        command_named("perl")
    with pytest.raises(UnknownCommandError, match="broken has a path that is not absolute"):
        command_named("broken")
    with pytest.raises(UnknownCommandError, match="half is incomplete"):
        command_named("half")
