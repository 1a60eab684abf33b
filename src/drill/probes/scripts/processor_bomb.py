import resource

cpus, workers, seconds = ASKED["limits"]["cpus"], os.cpu_count() * 2, 1.5
began = time.monotonic()
for _ in range(workers):
    if os.fork() == 0:
        while time.monotonic() < began + seconds:
            pass
        os._exit(0)
for _ in range(workers):
    os.wait()
took = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
spent = used.ru_utime + used.ru_stime
expect(f"{spent / took:.2f} processors were used where {cpus} are allowed", spent <= took * cpus * 1.25 + 0.25)
# A busy machine gives no more anyway, so that what is written down counts too.
quotas = []
for place in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"):
    try:
        quota = int(open(f"{place}/cpu.cfs_quota_us").read())
        quotas.append(quota / int(open(f"{place}/cpu.cfs_period_us").read()) if quota > 0 else float("inf"))
    except OSError:
        pass
try:
    quota, period = open("/sys/fs/cgroup/cpu.max").read().split()
    quotas.append(int(quota) / int(period) if quota != "max" else float("inf"))
except OSError:
    pass
expect(f"the quota is {quotas}", all(quota <= cpus * 1.01 for quota in quotas))
finish()
