import resource

for policy in (os.SCHED_FIFO, os.SCHED_RR):
    refused("it could become a real-time process", os.sched_setscheduler, 0, policy, os.sched_param(1))
refused("the priority could be raised", os.setpriority, os.PRIO_PROCESS, 0, -1)
for name in ("RLIMIT_RTPRIO", "RLIMIT_NICE"):
    expect(f"{name} is {resource.getrlimit(getattr(resource, name))}", resource.getrlimit(getattr(resource, name)) == (0, 0))
finish()
