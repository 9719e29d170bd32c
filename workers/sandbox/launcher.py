"""Builds the sandbox around a program and starts it; run as a script of its own, on the standard library alone.

Four processes: this one, which stays outside; its child, which makes the namespaces; the first process inside, which
lays out what can be seen, reaps, and reports; and the program. The program's user has no capability in any namespace
and cannot gain one. When any of the first three ends, the kernel ends all that is inside.

Command line: the number of a file that holds the order as JSON, and that of a pipe for the report, one JSON object a
line: `obstacle` (what the kernel refused), `ready` (the program starts now), then `exit` or `signal`.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import platform
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

# From the kernel's headers: linux/sched.h, linux/mount.h, linux/prctl.h.
NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SYS_MOUNT_SETATTR = 442

INSIDE_ID = 1000
"""User and group of the program, as it sees itself."""
# What a dynamically linked program needs of the system; the names that are links stay links.
SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives")
SYSTEM_FILES = ("/etc/ld.so.cache",)
DEVICES = ("null", "zero", "full", "random", "urandom")
OLD = "/old"

libc = ctypes.CDLL(None, use_errno=True)


class ObstacleError(Exception):
    """The kernel refused a part of the sandbox."""


def main() -> None:
    order_file, report_pipe = int(sys.argv[1]), int(sys.argv[2])
    with os.fdopen(order_file) as file:
        order = json.load(file)
    os.set_inheritable(report_pipe, False)
    end_with_parent()
    try:
        enter(order, report_pipe)
    except (ObstacleError, OSError) as error:
        report(report_pipe, obstacle=str(error))
        sys.exit(1)


def enter(order: dict[str, Any], report_pipe: int) -> None:
    """Fork the child that makes the namespaces, and write its user and group maps from outside."""
    asked, ask = os.pipe()
    answered, answer = os.pipe()
    child = os.fork()
    if child == 0:
        guarded(report_pipe, make_namespaces, order, report_pipe, ask, answered)
    os.close(ask)
    os.close(answered)
    if os.read(asked, 1):
        write_maps(child, order["outside_id"])
        os.write(answer, b"1")
    os.close(answer)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) != 0)


def make_namespaces(order: dict[str, Any], report_pipe: int, ask: int, answered: int) -> None:
    """User, mount, process, network, IPC, host name and control group namespaces; then the first process inside."""
    check(libc.unshare(NEW_NAMESPACES), "new namespaces")
    os.write(ask, b"1")
    os.close(ask)
    if not os.read(answered, 1):
        raise ObstacleError("the user map could not be written")
    end_with_parent()
    first = os.fork()
    if first == 0:
        guarded(report_pipe, live_inside, order, report_pipe)
    os.waitpid(first, 0)
    os._exit(0)


def write_maps(child: int, outside_id: int | None) -> None:
    """Map the program's user to nobody in particular (for root), or to the one user that we are."""
    if outside_id is None:
        uid_map, gid_map = f"{INSIDE_ID} {os.geteuid()} 1", f"{INSIDE_ID} {os.getegid()} 1"
        write(f"/proc/{child}/setgroups", "deny")
    else:
        # Root inside is root outside, and lays out the mounts; the program never is it.
        uid_map = gid_map = f"0 0 1\n{INSIDE_ID} {outside_id} 1"
    write(f"/proc/{child}/gid_map", gid_map)
    write(f"/proc/{child}/uid_map", uid_map)


def live_inside(order: dict[str, Any], report_pipe: int) -> None:
    """Lay out the file system, start the program, and reap until it has ended."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lay_out(order)
    # Else the program, which may be the same user, could trace this process.
    check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "a process that cannot be traced")
    report(report_pipe, ready=True)
    program = os.fork()
    if program == 0:
        guarded(report_pipe, become_program, order)
    while True:
        ended, status = os.wait()
        if ended == program:
            break
    code = os.waitstatus_to_exitcode(status)
    report(report_pipe, **({"exit": code} if code >= 0 else {"signal": -code}))
    os._exit(0)


def lay_out(order: dict[str, Any]) -> None:
    """Replace all mounts: system folders read-only, a few devices, an own /proc, and a small /tmp in memory."""
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID, "mode=755,size=8m,nr_inodes=4096")
    os.mkdir(f"/tmp{OLD}")
    check(libc.syscall(pivot_root_number(), b"/tmp", f"/tmp{OLD}".encode()), "pivot_root")
    os.chdir("/")
    os.mkdir("/tmp")
    size = order["limits"]["disk_bytes"]
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,size={size},nr_inodes=2048")
    for folder in SYSTEM_FOLDERS:
        bind_folder(folder)
    hide_within(SYSTEM_FOLDERS, order["hidden"])
    for folder in order["folders"]:
        bind_folder(folder)
    hide_within(order["folders"], order["hidden"])
    for file in (*SYSTEM_FILES, *(f"/dev/{name}" for name in DEVICES)):
        bind_file(file)
    os.symlink("/proc/self/fd", "/dev/fd")
    os.symlink("/tmp", "/dev/shm")
    write("/etc/passwd", f"sandbox:x:{INSIDE_ID}:{INSIDE_ID}::/tmp:/bin/sh\n")
    write("/etc/group", f"sandbox:x:{INSIDE_ID}:\n")
    forbid_more_namespaces()
    mount_own_proc()
    check(libc.umount2(OLD.encode(), MNT_DETACH), "unmounting the old root")
    os.rmdir(OLD)
    change_mounts("/", set_=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, flags=AT_RECURSIVE)
    change_mounts("/tmp", clear=MOUNT_ATTR_RDONLY)
    write_files(order["files"])
    socket.sethostname("sandbox")


def bind_folder(folder: str) -> None:
    """Show a folder of the old root at the same place; a link is made anew, and what is not there is left out."""
    old = OLD + folder
    if os.path.islink(old):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        os.symlink(os.readlink(old), folder)
    elif os.path.isdir(old):
        os.makedirs(folder, exist_ok=True)
        mount(old, folder, "", MS_BIND | MS_REC)


def hide_within(folders: Sequence[str], hidden: Sequence[str]) -> None:
    """Cover what must not be read even though a folder that is shown holds it."""
    for path in hidden:
        if os.path.isdir(path) and any(path.startswith(f"{folder}/") for folder in folders):
            mount("tmpfs", path, "tmpfs", MS_NOSUID, "mode=755,size=1m")


def bind_file(file: str) -> None:
    if os.path.exists(OLD + file):
        os.makedirs(os.path.dirname(file), exist_ok=True)
        write(file, "")
        mount(OLD + file, file, "", MS_BIND)


def forbid_more_namespaces() -> None:
    """A program that could make namespaces of its own would have capabilities there, and more of the kernel to try."""
    try:
        write(f"{OLD}/proc/sys/user/max_user_namespaces", "0")
    except OSError as error:
        raise ObstacleError(f"further user namespaces cannot be forbidden: {error}") from error


def mount_own_proc() -> None:
    """Some container runtimes mask parts of /proc and then allow no new one: programs get on without."""
    os.mkdir("/proc")
    libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC), None)


def change_mounts(path: str, *, set_: int = 0, clear: int = 0, flags: int = 0) -> None:
    attributes = (ctypes.c_uint64 * 4)(set_, clear, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    done = libc.syscall(
        SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), ctypes.c_uint(flags), ctypes.byref(attributes), size
    )
    check(done, "read-only mounts (Linux 5.12 or later)")


def write_files(files: dict[str, str]) -> None:
    """The program's own files, in its working folder."""
    for name, content in files.items():
        path = os.path.join("/tmp", name)
        with open(path, "wb") as file:
            file.write(base64.b64decode(content))
        os.chmod(path, 0o755)
        os.chown(path, INSIDE_ID, INSIDE_ID)


def become_program(order: dict[str, Any]) -> None:
    """Give up every privilege, take the limits on, and turn into the program."""
    os.setsid()
    os.chdir("/tmp")
    limits = order["limits"]
    # The soft limit's signal tells processor time from other ends; the hard one follows for a program that ignores it.
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 1))
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_FSIZE, limits["disk_bytes"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
    ):
        resource.setrlimit(kind, (most, most))
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if order["outside_id"] is not None:
        os.setgroups([])
        os.setresgid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
        os.setresuid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    if limits["address_space"]:
        # Last: what this process still allocates must not fail for it.
        resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"], limits["memory_bytes"]))
    try:
        os.execve(order["command"][0], order["command"], order["environment"])
    except OSError as error:
        raise ObstacleError(f"{order['command'][0]} cannot be started in the sandbox: {error.strerror}") from error


def guarded(report_pipe: int, act: Any, *arguments: Any) -> NoReturn:
    """Run a forked child's part: it reports what the kernel refused and never returns into its parent's code."""
    try:
        act(*arguments)
    except (ObstacleError, OSError, ValueError) as error:
        report(report_pipe, obstacle=str(error))
    finally:
        os._exit(1)


def end_with_parent() -> None:
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "ending with the parent")


def pivot_root_number() -> int:
    try:
        return SYS_PIVOT_ROOT[platform.machine()]
    except KeyError:
        raise ObstacleError(f"processors of type {platform.machine()} are not supported") from None


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    done = libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    check(done, f"mounting {target}")


def check(result: int, what: str) -> None:
    if result != 0:
        raise ObstacleError(f"{what}: {os.strerror(ctypes.get_errno())}")


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def report(pipe: int, **content: Any) -> None:
    os.write(pipe, json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    main()
