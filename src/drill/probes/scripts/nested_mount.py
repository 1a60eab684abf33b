expect("a file system below the workspace came along", not os.path.exists("/workspace/inner/secret"))
below = [mount[1] for mount in mounts() if mount[1].startswith("/workspace/")]
expect(f"something is mounted below the workspace: {below[:3]}", not below)
finish()
