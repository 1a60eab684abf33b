tried()
for name in os.listdir("/workspace"):
    if name == "secret":
        broke(f"another tenant's directory is the workspace: {open('/workspace/secret').read()[:8]}")
finish()
