"""Lets packets wait: what the router's namespace routes to the device `slow` comes out of it again, later.

It stands in for netem, which many kernels come without. The first argument is the device's name. Each line on stdin is
a JSON list of [source prefix, destination prefix, milliseconds]; the end of stdin is its end.
"""
import fcntl
import heapq
import ipaddress
import json
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
MAX_PACKET_BYTES = 65536
MAX_WAITING = 20000


def open_device(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def read_delays(line):
    return [
        (ipaddress.ip_network(source), ipaddress.ip_network(destination), milliseconds / 1000)
        for source, destination, milliseconds in json.loads(line)
    ]


def delay_of(delays, addresses):
    source = ipaddress.ip_address(addresses[:4])
    destination = ipaddress.ip_address(addresses[4:])
    for sources, destinations, seconds in delays:
        if source in sources and destination in destinations:
            return seconds
    return 0.0


def main():
    device = open_device(sys.argv[1])
    print("ready", flush=True)
    delays, known, waiting, count, told = [], {}, [], 0, b""
    while True:
        patience = None if not waiting else max(0.0, waiting[0][0] - time.monotonic())
        readable, _, _ = select.select([device, sys.stdin.fileno()], [], [], patience)
        if sys.stdin.fileno() in readable:
            chunk = os.read(sys.stdin.fileno(), 65536)
            if chunk == b"":
                return
            *lines, told = (told + chunk).split(b"\n")
            if lines:
                delays, known = read_delays(lines[-1]), {}
                print("told", flush=True)
        if device in readable:
            packet = os.read(device, MAX_PACKET_BYTES)
            addresses = packet[12:20]
            if len(waiting) < MAX_WAITING and packet[0] >> 4 == 4:
                if addresses not in known:
                    known[addresses] = delay_of(delays, addresses)
                count += 1
                heapq.heappush(waiting, (time.monotonic() + known[addresses], count, packet))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            try:
                os.write(device, heapq.heappop(waiting)[2])
            except OSError:
                pass  # Lost, as packets are.


main()
