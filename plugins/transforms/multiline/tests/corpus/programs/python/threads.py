import sys
import threading
import time


def work(number):
    raise OSError(28, "No space left on device", f"part-{number}")


for number in range(2):
    threading.Thread(target=work, args=(number,), name=f"worker-{number}").start()
    time.sleep(0.05)
    print("2024-11-21 02:45:39,000 INFO the next worker", file=sys.stderr)
