//! The worst a session's tool can do to its machine, each until it is stopped.

/// One way to take what belongs to all.
pub(crate) struct Bomb {
    pub(crate) name: &'static str,
    /// What the tool runs.
    pub(crate) command: &'static str,
}

/// All of them.
pub(crate) const BOMBS: &[Bomb] = &[
    Bomb { name: "cpu", command: "for turn in $(seq 32); do (while :; do :; done) & done; wait" },
    Bomb {
        name: "fork",
        command: r"python3 -c '
import os, time
while True:
    try:
        if os.fork() == 0: time.sleep(600)
    except OSError: time.sleep(0.01)'",
    },
    Bomb {
        name: "memory",
        command: r"while :; do python3 -c '
held = []
while True: held.append(bytearray(1 << 24))'; done",
    },
    Bomb { name: "tmpfs", command: "while :; do cat /dev/zero > /tmp/full; rm /tmp/full; done" },
    Bomb {
        name: "inodes",
        command: r#"python3 -c '
import os
while True:
    made = 0
    try:
        os.makedirs("/tmp/many", exist_ok=True)
        while True:
            open(f"/tmp/many/{made}", "w").close(); made += 1
    except OSError:
        for name in range(made): os.unlink(f"/tmp/many/{name}")'"#,
    },
    Bomb {
        name: "descriptors",
        command: r"python3 -c '
import os, time
for child in range(100):
    if os.fork() == 0:
        held = []
        while True:
            try: held.extend(os.pipe())
            except OSError: time.sleep(600)
time.sleep(600)'",
    },
    Bomb {
        name: "sockets",
        command: r#"python3 -c '
import socket, time
held = []
while True:
    try:
        one, two = socket.socketpair(); one.setblocking(False); held.append((one, two))
        try:
            while True: one.send(b"x" * 65536)
        except BlockingIOError: pass
    except OSError: time.sleep(0.01)'"#,
    },
    Bomb { name: "output", command: "while :; do head -c 20000 /dev/urandom | base64; done & cat /dev/zero" },
    Bomb { name: "disk", command: "while :; do head -c 1G /dev/zero > big; done" },
    Bomb {
        name: "fsync",
        command: r#"python3 -c '
import os
for child in range(15):
    if os.fork() == 0: break
file = os.open(f"flushed-{os.getpid()}", os.O_CREAT | os.O_WRONLY)
while True: os.pwrite(file, b"x" * 4096, 0); os.fsync(file)'"#,
    },
];
