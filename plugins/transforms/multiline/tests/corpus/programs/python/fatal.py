import faulthandler
import os
import signal
import sys

faulthandler.enable(sys.stderr)


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


crash()
