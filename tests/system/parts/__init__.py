"""Real parts for the system tests: a Docker engine, syslog servers, and Penstock itself.

Each part is a private process on loopback or a unix socket, found or refused by ``require``.
"""
