import logging
import sys

logging.basicConfig(
    format="2024-11-21 02:45:39,123 %(levelname)s %(name)s %(message)s",
    level=logging.INFO,
    stream=sys.stderr,
)
log = logging.getLogger("shop.orders")


def charge(order):
    return order["total"]


log.info("order 1 received")
try:
    charge({})
except KeyError:
    log.exception("order 1 failed")
log.info("order 2 received")
try:
    charge(None)
except TypeError:
    log.exception("order 2 failed")
log.info("order 3 received")
