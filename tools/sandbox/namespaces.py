"""Linux namespaces for a process that runs the code of others: another root, no network, no other processes.

Used by `tools.sandbox.inside`, before anything large is imported: a new user namespace wants a process of one thread.
Nothing here needs to be root. Where the system forbids it, `OSError` says so, and the caller does without.
"""

import ctypes
import os
import resource
from pathlib import Path

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
CAPSET = {"x86_64": 126, "aarch64": 91}
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
NOBODY = 65534
DEVICES = ("null", "zero", "random", "urandom")


def _libc():
    return ctypes.CDLL(None, use_errno=True)


def _ok(result, what):
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source, target, kind=None, flags=0, data=None):
    texts = [os.fsencode(source), os.fsencode(target), kind and kind.encode()]
    _ok(_libc().mount(*texts, ctypes.c_ulong(flags), data and data.encode()), f"mount {target}")


def _prctl(option, value):
    _ok(_libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def _unshare(flags, nobody=False):
    """Go into new namespaces; the new user namespace knows one user, the present one, and where asked "nobody"."""
    uid, gid = os.getuid(), os.getgid()
    more = f"\n{NOBODY} {NOBODY} 1" if nobody else ""
    wanted = [("uid_map", f"{uid} {uid} 1{more}"), ("gid_map", f"{gid} {gid} 1{more}")]
    if not nobody:
        _ok(_libc().unshare(flags | NEWUSER), "unshare")
        _write_maps("self", [("setgroups", "deny"), *wanted])
        return
    mine, (ready, go) = os.getpid(), os.pipe()  # a map of two users is written by root, which is outside
    helper = os.fork()
    if not helper:
        try:
            os.close(go)
            os.read(ready, 1)
            _write_maps(mine, wanted)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _ok(_libc().unshare(flags | NEWUSER), "unshare")
    os.close(go)
    os.close(ready)
    _ok(os.waitpid(helper, 0)[1], "the map of users")


def _write_maps(process, maps):
    for name, text in maps:
        Path("/proc", str(process), name).write_text(text)


def _become_nobody():
    """Give up being root: the kernel's limit on processes does not count for root."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _prctl(PR_SET_DUMPABLE, 1)  # else the files in /proc/self are root's, and no map of users can be written


def new_root(folders, scratch, nobody=False):
    """Live in a root that holds `folders`, to be read and not written, and nothing else of this machine.

    Args:
        folders: absolute paths of folders and files that are there, each at its own place; missing ones are left out.
        scratch: path of an empty folder in the new root, of which each submission gets a copy of its own.
        nobody: for root: become the user "nobody", who must be able to read the folders.
    Raises:
        OSError: the system does not allow it; nothing has changed, or the process must not go on.
    """
    _unshare(NEWNS | NEWNET | NEWIPC | NEWUTS, nobody)
    _mount("none", "/", flags=MS_REC | MS_PRIVATE)
    root = Path("/sys")  # a mount over it hides it, for this process alone
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=755")
    old = root / "old"
    old.mkdir()
    _mount("/", old, flags=MS_BIND | MS_REC)
    for folder in _outermost(folders):
        _show(old / folder.relative_to("/"), root / folder.relative_to("/"))
    for name in DEVICES:
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev" / name).touch()
        _mount(old / "dev" / name, root / "dev" / name, flags=MS_BIND)
    for folder in ("proc", "old_root", scratch.strip("/"), "tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    _mount(old / "proc", root / "proc", flags=MS_BIND | MS_REC)
    _ok(_libc().umount2(os.fsencode(old), MNT_DETACH), "umount")
    old.rmdir()
    os.chdir(root)
    _ok(_libc().syscall(PIVOT_ROOT[os.uname().machine], b".", b"old_root"), "pivot_root")
    os.chdir("/")
    _ok(_libc().umount2(b"/old_root", MNT_DETACH), "umount")
    os.rmdir("/old_root")
    _mount("none", "/", flags=MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    if nobody:
        _become_nobody()


def _outermost(folders):
    found = []
    for folder in sorted({Path(folder) for folder in folders}):
        if folder.is_absolute() and folder.exists() and not any(folder.is_relative_to(other) for other in found):
            found.append(folder)
    return found


def _show(source, target):
    """Bind a folder or file at its place, for reading alone; a link becomes what it leads to."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(source, target, flags=MS_BIND | MS_REC)
    kept = 0
    for name, flag in (("ST_NOSUID", MS_NOSUID), ("ST_NODEV", MS_NODEV), ("ST_NOEXEC", MS_NOEXEC)):
        kept |= flag if os.statvfs(target).f_flag & getattr(os, name) else 0  # a user may not take these off
    _mount("none", target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | kept)


def apart(scratch, size, files):
    """Fork into namespaces of its own, without rights; gives the process number to the parent, 0 to the child.

    When the child ends, every process that it started ends with it.

    Args:
        scratch: folder that becomes a file system of its own.
        size: bytes that it may hold.
        files: how many files.
    Raises:
        OSError: the system does not allow it.
    """
    _prctl(PR_SET_DUMPABLE, 1)
    _unshare(NEWPID | NEWNS | NEWNET | NEWIPC)
    child = os.fork()
    if child:
        return child
    os.setsid()  # a signal to its process group would reach those outside
    _prctl(PR_SET_PDEATHSIG, 9)
    _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _mount("tmpfs", scratch, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size},nr_inodes={files},mode=700")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")  # no room for rights of its own
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    for right in range(41):
        _libc().prctl(PR_CAPBSET_DROP, right, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _ok(_libc().syscall(CAPSET[os.uname().machine], header, none), "capset")
    return 0


def limit(seconds, memory, processes, file_bytes):
    """The kernel's limits for this process and those that it starts.

    Args:
        seconds: of processor time.
        memory: bytes of addresses beyond those in use now.
        processes: how many of this user's; counted anew in a new user namespace, and for root not at all.
        file_bytes: size of one file.
    """
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    for what, most in (
        (resource.RLIMIT_CPU, int(seconds)),
        (resource.RLIMIT_AS, used + memory),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
