#!/usr/bin/python3
"""PTP messages at a steady rate, or a program that reads them: something to probe.

    ptp_traffic.py send --interface=far0 --transport=l2|udp4|udp6 --count=N [--rate=200]
                   [--tag=VID]... [--stamps] [--hardware]
    ptp_traffic.py receive --interface=near0 --transport=...

Sync messages of clock 0x...f00d. --tag puts VLAN tags into frames that are made here down
to the Ethernet header, whatever the transport. --stamps asks for software stamps and
reads them from the error queue; with --hardware for those of the NIC. `receive` prints how many it has read once it gets
SIGTERM; `send` when it is done, with the stamps read.
"""
import argparse
import contextlib
import ctypes
import fcntl
import json
import select
import signal
import socket
import struct
import sys
import time

ETHERTYPE = 0x88F7
MULTICAST = bytes.fromhex("011b19000000")
GROUP4, GROUP6 = "224.0.1.129", "ff02::181"
EVENT_PORT = 319
SO_TIMESTAMPING, SO_RCVBUFFORCE = 37, 33
# What others have joined is not theirs who have not: unread, it would fill their
# receive buffer, and then no stamp gets into their error queue.
MULTICAST_ALL4, MULTICAST_ALL6 = 49, 29
STAMPS = 1 << 1 | 1 << 4  # TX_SOFTWARE, SOFTWARE
HARDWARE_STAMPS = 1 << 0 | 1 << 6  # TX_HARDWARE, RAW_HARDWARE
SIOCSHWTSTAMP, HWTSTAMP_TX_ON = 0x89B0, 1
CLOCK = 0x001122FFFE00F00D


def sync(sequence):
    return struct.pack(">BBHBxBB8x4xQHHBb", 0, 2, 44, 0, 0, 0, CLOCK, 1, sequence, 0, -3) + bytes(10)


def udp_socket(family, interface, receive):
    index = socket.if_nametoindex(interface)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Bound at last: before it is told not to, it would take what others have joined.
    if family == socket.AF_INET:
        member = struct.pack("=4s4si", socket.inet_aton(GROUP4), bytes(4), index)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, member)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        sock.setsockopt(socket.IPPROTO_IP, MULTICAST_ALL4, 0)
        sock.bind(("", EVENT_PORT))
        if receive:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        member = socket.inet_pton(socket.AF_INET6, GROUP6) + struct.pack("=I", index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        sock.setsockopt(socket.IPPROTO_IPV6, MULTICAST_ALL6, 0)
        sock.bind(("::", EVENT_PORT))
        if receive:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    return sock


def l2_socket(interface, receive):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE) if receive else 0)
    sock.bind((interface, ETHERTYPE if receive else 0))
    return sock


def opened(args, receive=False):
    if args.transport == "l2" or args.tag:
        return l2_socket(args.interface, receive)
    return udp_socket(socket.AF_INET if args.transport == "udp4" else socket.AF_INET6, args.interface, receive)


def frame(args, mac, message):
    """From the Ethernet header on; checksums that nobody checks are 0."""
    udp = struct.pack(">HHHH", EVENT_PORT, EVENT_PORT, 8 + len(message), 0) + message
    destination, ethertype, payload = {
        "l2": (MULTICAST, ETHERTYPE, message),
        "udp4": (bytes.fromhex("01005e000181"), 0x0800, struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 1, 17, 0, bytes(4), socket.inet_aton(GROUP4)) + udp),
        "udp6": (bytes.fromhex("333300000181"), 0x86DD, struct.pack(
            ">IHBB16s16s", 6 << 28, len(udp), 17, 1, bytes(16), socket.inet_pton(socket.AF_INET6, GROUP6)) + udp),
    }[args.transport]
    tags = b"".join(struct.pack(">HH", 0x88A8 if i + 1 < len(args.tag) else 0x8100, vid)
                    for i, vid in enumerate(args.tag))
    return destination + mac + tags + struct.pack(">H", ethertype) + payload


def ask_for_stamps(sock, args):
    if args.hardware:
        config = ctypes.create_string_buffer(struct.pack("=iii", 0, HWTSTAMP_TX_ON, 0))
        request = struct.pack("=16sQ16x", args.interface.encode(), ctypes.addressof(config))
        fcntl.ioctl(sock, SIOCSHWTSTAMP, request)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, HARDWARE_STAMPS if args.hardware else STAMPS)


def read_stamps(sock):
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recvmsg(2048, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
            count += 1
    return count


def wait_for_route(sock, group):
    """Until the interface has its IPv6 address: to another port, no message of ours."""
    deadline = time.monotonic() + 5
    while sock.family == socket.AF_INET6:
        try:
            sock.sendto(b"", (group[0], 9))
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def send(args):
    sock = opened(args)
    group = (GROUP4, EVENT_PORT) if args.transport == "udp4" else (GROUP6, EVENT_PORT)
    wait_for_route(sock, group)
    if args.stamps:
        ask_for_stamps(sock, args)
    poll = select.poll()
    poll.register(sock, 0)  # POLLERR, always.
    start, stamps = time.monotonic(), 0
    for sequence in range(args.count):
        time.sleep(max(0, start + sequence / args.rate - time.monotonic()))
        message = sync(sequence % 2**16)
        if sock.family == socket.AF_PACKET:
            sock.send(frame(args, sock.getsockname()[4], message))
        else:
            sock.sendto(message, group)
        if args.stamps and poll.poll(2):
            stamps += read_stamps(sock)
    while args.stamps and stamps < args.count and poll.poll(2000):
        stamps += read_stamps(sock)
    print(json.dumps({"sent": args.count, "stamps": stamps}), flush=True)


class Stopped(Exception):
    pass


def stop(*_):
    raise Stopped


def receive(args):
    signal.signal(signal.SIGTERM, stop)
    sock, count = opened(args, True), 0
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)  # Here the machine may be too busy to read in time.
    print("receiving", flush=True)
    try:
        while True:
            sock.recv(2048)
            count += 1
    except Stopped:
        print(json.dumps({"received": count}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("send", "receive"))
    parser.add_argument("--interface", required=True)
    parser.add_argument("--transport", choices=("l2", "udp4", "udp6"), required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--tag", type=int, action="append", default=[])
    parser.add_argument("--stamps", action="store_true")
    parser.add_argument("--hardware", action="store_true")
    args = parser.parse_args()
    (send if args.what == "send" else receive)(args)


if __name__ == "__main__":
    sys.exit(main())
