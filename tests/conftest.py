"""What every test starts with."""

import signal

# A process that was started in the background, as by nohup, ignores these, and so do its children: then no test of what
# a signal does could pass. What is caught, to no effect, is at its default in a child.
for _name in ("SIGINT", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)
