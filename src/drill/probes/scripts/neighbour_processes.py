tried()
for name in os.listdir("/proc"):
    try:
        if name.isdigit() and open(f"/proc/{name}/comm").read().strip() == ASKED["name"]:
            broke(f"a neighbour's process is seen: {name}")
    except OSError:
        pass
finish()
