most = 64 << 20
space = os.statvfs("/dev/shm")
expect(f"/dev/shm holds {space.f_blocks * space.f_frsize >> 20} MiB where 64 MiB are allowed", space.f_blocks * space.f_frsize <= most)
files = ASKED["limits"]["scratch_inodes"]
expect(f"/dev/shm holds {space.f_files} files where {files} are allowed", space.f_files <= files)
refused("the queues of messages hold more than they may", lambda: os.write(os.open("/dev/mqueue/drill", os.O_CREAT | os.O_WRONLY), b"x" * (1 << 20)))
finish()
