"""The embedded AWS: for trying, developing and testing on one machine, without an account,
containers or network.

    control       starts, stops and inspects the emulator from another process
    state         the emulator's folder: everything that it leaves on disk
    environment   the variables with which a command reaches the emulator, and nothing else
    server        the emulator's process: moto on a loopback port, mended, with the parts that follow
    mends         what moto gets wrong, one file each
    runner        a Batch job's attempt as a local process
    bytecode      where jobs share compiled Python
    calls         who called what (IAM tests evaluate flowinfra's policies against it)
    schedules     fires EventBridge rules, when asked to
    console       what `status`, `run` and `logs` ask the emulator, beside AWS's own API
    run, watch    trigger a deployed flow and follow it to its end

Nothing outside of this package and its command imports it. It is a stand-in and says so: it keeps
its state in memory, enforces neither IAM policies nor CPU and memory limits, and ignores container
images.
"""
