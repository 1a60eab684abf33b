import resource

most = ASKED["limits"]["open_files"]
kept = []
try:
    while len(kept) <= most:
        kept.append(os.open("/dev/null", os.O_RDONLY))
    broke(f"{len(kept)} files could be opened where {most} are allowed")
except OSError as error:
    expect("the end was another than the limit's", error.errno == errno.EMFILE)
for handle in kept:
    os.close(handle)
refused("the limit could be raised", resource.setrlimit, resource.RLIMIT_NOFILE, (most * 2, most * 2))
finish()
