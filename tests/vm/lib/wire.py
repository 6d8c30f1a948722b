"""Every PTP message on the wire towards the near end, as it arrived, octet for octet."""
import ctypes
import os
import socket
import struct
from collections import namedtuple

from system.lib.cable import NEAR_IF
from system.lib.frames import ANNOUNCE, DELAY_RESP, ETHERTYPE, FOLLOW_UP, SYNC

from .truth import TAI_UTC_NS

_ETH_P_ALL, _SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 3, 33, 35
_SOL_PACKET, _PACKET_IGNORE_OUTGOING, _CLONE_NEWNET = 263, 23, 0x40000000
HEADER = struct.Struct(">BBHBBBBqI8sHHBb")  # IEEE 1588-2019, table 35.
PDELAY_RESP = 3
_LENGTHS = {SYNC: 44, FOLLOW_UP: 44, DELAY_RESP: 54, ANNOUNCE: 64}

Heard = namedtuple("Heard", "kind when two_step correction sequence origin trailing")


def _sum16(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets[:len(octets) & ~1]))
    total += octets[-1] << 8 if len(octets) & 1 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _datagram(addresses, udp):
    """The payload of a UDP datagram, whose length and checksum are right."""
    length, checksum = struct.unpack_from(">HH", udp, 4)
    assert length <= len(udp), udp.hex()
    pseudo = addresses + struct.pack(">II", length, 17)
    assert (checksum == 0 and len(addresses) == 8) or _sum16(pseudo + udp[:length]) == 0xFFFF, udp.hex()
    return udp[8:length]


def _payload(frame):
    """(the PTP message and what is behind it, whether it is a datagram's), or None."""
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == ETHERTYPE:
        return frame[14:], False
    if ethertype == 0x0800 and frame[23] == 17:
        start = 14 + 4 * (frame[14] & 15)
        addresses, udp = frame[26:34], frame[start:]
    elif ethertype == 0x86DD and frame[20] == 17:
        addresses, udp = frame[22:54], frame[54:]
    else:
        return None
    return (_datagram(addresses, udp), True) if int.from_bytes(udp[2:4], "big") in (319, 320) else None


def _read(frame, when):
    found = _payload(frame)
    if not found:
        return None
    octets, datagram = found
    kind, version, length, _, minor_sdo, flags, _, correction, reserved, _, _, sequence, _, _ = HEADER.unpack_from(octets)
    assert (kind >> 4, version & 15, minor_sdo, reserved) == (0, 2, 0, 0), octets.hex()
    assert length == _LENGTHS.get(kind, length) <= len(octets), octets.hex()
    assert flags == 0 or (flags == 2 and kind in (SYNC, PDELAY_RESP)), octets.hex()
    seconds, nanos = int.from_bytes(octets[34:40], "big"), int.from_bytes(octets[40:44], "big")
    assert nanos < 10**9, octets.hex()
    trailing = octets[length:] if datagram else b""
    return Heard(kind, when, bool(flags & 2), correction / 65536, sequence, seconds * 10**9 + nanos, trailing)


class Wire:
    """wire = Wire(); ...; for message in wire.end(): ... Nothing is read before the end, so
    that listening costs the guest no time of its own."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as home, open("/run/netns/near") as near:
            assert libc.setns(near.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
                self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 32 << 20)
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                self._socket.bind((NEAR_IF, _ETH_P_ALL))
            finally:
                assert libc.setns(home.fileno(), _CLONE_NEWNET) == 0

    def end(self):
        """PTP messages in the order of arrival; a malformed one fails."""
        heard = []
        self._socket.setblocking(False)
        while True:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(2048, 128)
            except BlockingIOError:
                break
            seconds, nanos = struct.unpack_from("=qq", ancillary[0][2])
            heard.append(_read(frame, seconds * 10**9 + nanos))
        self._socket.close()
        return [message for message in heard if message]


def of(kind, heard):
    return [message for message in heard if message.kind == kind]


def error_on_arrival(sync):
    """What a one-step Sync says against the TAI of the system clock at which the kernel
    got it, ns: its way through the kernel makes some microseconds of it."""
    return sync.origin + sync.correction - (sync.when + TAI_UTC_NS)
