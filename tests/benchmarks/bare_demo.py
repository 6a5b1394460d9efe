"""The floor of B3: the demo source's generator, the syslog sink's formatter, and a socket."""

from __future__ import annotations

import argparse
import socket
import time

from penstock_sink_syslog.address import Address
from penstock_sink_syslog.sink import SyslogSink
from penstock_source_demo.container import Container, Position
from penstock_source_demo.demo import FULL_SPEED_STEP_NS, Demo


def main() -> None:
    """Send the events that ``rate = 0`` makes, container by container, without a bus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--lines", required=True, type=int)
    options = parser.parse_args()
    address = Address.from_setting(f"tcp://127.0.0.1:{options.port}")
    encode = SyslogSink(SyslogSink.Config(address=address))._framer.octets
    count = Demo.Config().containers
    start = Position(time.time_ns(), 0, FULL_SPEED_STEP_NS)
    containers = [
        Container(index, 0, start, options.lines // count + (index < options.lines % count))
        for index in range(count)
    ]
    with socket.create_connection(("127.0.0.1", options.port)) as sink:
        while containers:
            for container in list(containers):
                if taken := container.take():
                    batch, position = taken
                    sink.sendall(encode([batch]))
                    container.go_on(position)
                else:
                    containers.remove(container)


if __name__ == "__main__":
    main()
