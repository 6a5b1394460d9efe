# corpus: records
import asyncio
import gc
import logging
import sys

logging.basicConfig(
    format="2024-11-21 02:45:39,%(msecs)03d %(levelname)s %(name)s %(message)s",
    level=logging.INFO,
    stream=sys.stderr,
)


async def job():
    await asyncio.sleep(0)
    raise LookupError("no such customer")


def callback():
    raise ZeroDivisionError("in a callback")


async def main():
    logging.info("starting a job")
    task = asyncio.create_task(job())
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    logging.info("the job was forgotten")
    asyncio.get_running_loop().call_soon(callback)
    await asyncio.sleep(0.01)
    logging.info("going on")
    await asyncio.gather(job(), job())


asyncio.run(main())
