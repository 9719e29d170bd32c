"""The account that the servers run as: PostgreSQL refuses root, so root hands its data to an unprivileged user."""

import ctypes
import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rubricate.stack.errors import StackError

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
# Keeps capabilities through a change of user, and counts them in access(2), by which PostgreSQL finds itself.
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
# Either lets a process pass through folders that are closed to it; the first cannot write, containers often lack it.
_CAP_DAC_READ_SEARCH = 2
_CAP_DAC_OVERRIDE = 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Account:
    """A user to run servers as; `capability` is what it keeps of root to pass through closed folders, if anything."""

    uid: int
    gid: int
    capability: int | None = None

    @property
    def name(self) -> str:
        """The user's name."""
        return pwd.getpwuid(self.uid).pw_name

    def own(self, folder: Path) -> None:
        """Make `folder`, closed to everyone else, and hand it to this account (root only; else it is ours anyway)."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(folder, self.uid, self.gid)

    def become(self, *, death_signal: int) -> Callable[[], None]:
        """Return what a child does between fork and exec: change to this account, and die with its parent."""
        as_root = os.geteuid() == 0 and self.uid != 0

        def in_child() -> None:
            if as_root:
                self._drop_root()
            # Set last: changing the user clears it.
            if hasattr(_libc, "prctl"):
                _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)

        return in_child

    def _drop_root(self) -> None:
        if self.capability is not None:
            _libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)
        if self.capability is not None:
            mask = 1 << self.capability
            header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
            sets = (ctypes.c_uint32 * 6)(
                mask, mask, mask, 0, 0, 0
            )  # effective, permitted, inheritable; then bits 32-63
            if _libc.capset(header, sets) or _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, self.capability, 0, 0):
                raise PermissionError("The capability to pass through closed folders is not available.")


def server_account(folder: Path, programs: Path) -> Account:
    """Return the account that can run PostgreSQL's `programs` on data in `folder`.

    An ordinary user runs servers itself. Root runs them as the owner of existing data, else as `postgres` or `nobody`;
    where these may not enter the folder or reach the program (a clone under /root), they keep the one capability that
    lets them through.

    Raises
    ------
    StackError
        When the data is someone else's, or no account gets through.
    """
    if os.geteuid() != 0:
        if folder.exists() and folder.stat().st_uid != os.geteuid():
            owner = folder.stat().st_uid
            raise StackError(f"{folder} belongs to user {owner}: start as the user who made it, or move it away.")
        return Account(os.geteuid(), os.getegid())
    uid, gid = _unprivileged(folder)
    probe = folder if folder.exists() else folder.parent
    for capability in (None, _CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        account = Account(uid, gid, capability)
        if _gets_through(account, probe, programs):
            return account
    raise StackError(
        f"PostgreSQL cannot run as root, and user {account.name} may not enter {probe} or run what is in {programs}: "
        "open the folders above for it, move the checkout, or start as an ordinary user."
    )


def _unprivileged(folder: Path) -> tuple[int, int]:
    if folder.exists() and folder.stat().st_uid != 0:
        return folder.stat().st_uid, folder.stat().st_gid
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise StackError(
        "PostgreSQL cannot run as root, and there is no user postgres or nobody: start as an ordinary user."
    )


def _gets_through(account: Account, folder: Path, programs: Path) -> bool:
    """Try it: modes, access lists and mount options are all in the answer."""
    try:
        result = subprocess.run(
            # Of all the programs the quickest that looks for itself as they all do.
            [programs / "pg_config", "--bindir"],
            cwd="/",
            capture_output=True,
            check=False,
            preexec_fn=lambda: _enter(account, folder),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return result.returncode == 0


def _enter(account: Account, folder: Path) -> None:
    account.become(death_signal=0)()
    os.chdir(folder)
