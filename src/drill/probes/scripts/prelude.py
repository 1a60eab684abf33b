"""Stands before every script of the drill: how an attack is tried, and how the verdict is told.

A script tries its ways in with `refused`, says with `broke` what it got, and ends with `finish`, which writes the verdict
as the last line. A script that ends any other way has no verdict, which counts as not held.
"""
import ctypes
import errno
import json
import os
import platform
import signal
import socket
import stat
import sys
import time

ASKED = json.loads(os.environ.get("DRILL", "{}"))
LIBC = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
SEEN = []
TRIED = [0]


def broke(what):
    SEEN.append(str(what))


def tried(count=1):
    TRIED[0] += count


def refused(what, way, *arguments):
    """Tries a way that must fail with an error of the kernel; answers what came of it."""
    tried()
    try:
        result = way(*arguments)
    except (OSError, ValueError):
        return None
    broke(what)
    return result


def expect(what, holds):
    tried()
    if not holds:
        broke(what)


def call(name, result):
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def syscall(number, *arguments):
    ctypes.set_errno(0)
    LIBC.syscall.restype = ctypes.c_long
    return call(str(number), LIBC.syscall(ctypes.c_long(number), *arguments))


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def finish():
    verdict = "broke" if SEEN else "held" if TRIED[0] else "unclear"
    say(verdict=verdict, seen=SEEN[:8], more=max(0, len(SEEN) - 8), tried=TRIED[0])
    os._exit(0)


def in_child(work):
    """Runs `work` in a process that dies first when memory runs out; answers how it ended, as a wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            with open("/proc/self/oom_score_adj", "w") as score:
                score.write("1000")
        except OSError:
            pass
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def mounts():
    """What is mounted: (root, target, options, type, source, options of the filesystem)."""
    for line in open("/proc/self/mountinfo"):
        before, after = line.rstrip("\n").split(" - ", 1)
        fields, behind = before.split(" "), after.split(" ")
        yield fields[3], fields[4], fields[5].split(","), behind[0], behind[1], behind[2].split(",")
