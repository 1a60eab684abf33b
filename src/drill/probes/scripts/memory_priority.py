# When the machine itself runs out of memory, who goes first?
expect("the shim is spared before the server is", int(open("/proc/1/oom_score_adj").read()) >= 500)
expect("a tool is spared before the server is", int(open("/proc/self/oom_score_adj").read()) >= 500)


def lower():
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("-1000")


refused("a tool could have itself spared before the server is", lower)
finish()
