most = ASKED["limits"]["scratch_inodes"]
for place in ("/tmp", "/home/agent"):
    files = os.statvfs(place).f_files
    expect(f"{place} holds {files} files where {most} are allowed", files <= most)
if most <= 200000 and not SEEN:
    os.chdir("/tmp")
    made = 0
    try:
        while made <= most:
            os.mknod(str(made))
            made += 1
    except OSError as error:
        expect("the end was another than the limit's", error.errno in (errno.ENOSPC, errno.ENOMEM))
    expect(f"{made} files could be made where {most} are allowed", made <= most)
finish()
