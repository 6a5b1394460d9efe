"""Penstock sink: syslog over UDP, TCP, TLS and unix sockets."""
