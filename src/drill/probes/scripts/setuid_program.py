# The first round leaves a program; between the rounds the host makes it root's and set-uid; the second runs it.
import shutil
import subprocess

if ASKED["round"] == 1:
    shutil.copyfile("/usr/bin/python3", "/workspace/program")
    os.chmod("/workspace/program", 0o755)
    tried()
    finish()
if ASKED["made"]:
    status = os.stat("/workspace/program")
    expect("the host did not make it root's", True)
    out = subprocess.run(["/workspace/program", "-I", "-c", "import os; print(os.geteuid())"], capture_output=True, text=True)
    expect(f"a set-uid program of the workspace ran as user {out.stdout.strip()}", out.stdout.strip() in ("", str(os.getuid())))
no_new_privs = LIBC.prctl(39, 0, 0, 0, 0)
expect("no_new_privs is not set: a set-uid program gains its owner's rights", no_new_privs == 1)
for place, directories, names in os.walk("/"):
    directories[:] = [d for d in directories if os.path.join(place, d) not in ("/proc", "/sys", "/workspace")]
    for name in names:
        try:
            mode = os.lstat(os.path.join(place, name)).st_mode
        except OSError:
            continue
        expect(f"{place}/{name} is set-uid", not (stat.S_ISREG(mode) and mode & 0o6000))
finish()
