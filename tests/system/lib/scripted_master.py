#!/usr/bin/python3
"""A PTP grandmaster that says what it is told to say: on a raw socket, over Ethernet
(0x88F7), two-step, with the kernel's software stamps of both directions.

    scripted_master.py --interface=far0 --control=SOCKET ['{"clock_class": 6}']

It is a program of its own, so that its answers do not wait for the test, and shares no
line with what it tests. The settings are the fields of Settings, in JSON. A datagram
{"id": n, "set": {...}} to SOCKET changes some; the answer, {"id": n, "error": null,
"sent": {...}}, means that everything sent from then on obeys, and counts what was sent.

Time sent: CLOCK_REALTIME + tai_utc + error_ns, whatever the Announce claims about it.
"""
import argparse
import dataclasses
import json
import os
import select
import socket
import struct
import sys
import time

ETHERTYPE = 0x88F7
MULTICAST = bytes.fromhex("011b19000000")
SYNC, DELAY_REQ, FOLLOW_UP, DELAY_RESP, ANNOUNCE = 0, 1, 8, 9, 11
CONTROL_FIELD = {SYNC: 0, FOLLOW_UP: 2, DELAY_RESP: 3, ANNOUNCE: 5}
TWO_STEP = 0x02
NAMES = {SYNC: "sync", FOLLOW_UP: "follow_up", DELAY_RESP: "delay_resp", ANNOUNCE: "announce"}

# linux/net_tstamp.h, asm-generic/socket.h; Python 3.11 names none of them.
SO_TIMESTAMPING = 37
STAMP_TX_SOFTWARE, STAMP_RX_SOFTWARE, STAMP_SOFTWARE = 1 << 1, 1 << 3, 1 << 4
PACKET_ADD_MEMBERSHIP, PACKET_MR_MULTICAST = 1, 0


@dataclasses.dataclass
class Settings:
    """As linuxptp's ptp4l begins with hardware stamps: the right offset, not called valid.
    Only the rates differ (Sync 8/s, Announce 1/s)."""
    domain: int = 0
    log_sync_interval: int = -3
    log_announce_interval: int = 0
    log_min_delay_req_interval: int = -3
    clock_identity: str = ""  # Hexadecimal; empty: made from the interface's address.

    current_utc_offset: int = 37
    leap61: bool = False
    leap59: bool = False
    current_utc_offset_valid: bool = False
    ptp_timescale: bool = True
    time_traceable: bool = False
    frequency_traceable: bool = False
    synchronization_uncertain: bool = False
    priority1: int = 128
    clock_class: int = 248
    clock_accuracy: int = 0xFE
    offset_scaled_log_variance: int = 0xFFFF
    priority2: int = 128
    grandmaster_identity: str = ""  # Hexadecimal; empty: its own clockIdentity.
    steps_removed: int = 0
    time_source: int = 0xA0

    tai_utc: int = 37
    error_ns: int = 0
    mute: bool = False  # Dead: nothing more is sent.
    send_sync: bool = True
    send_announce: bool = True
    answer_delay_req: bool = True

    def flags(self):
        """flagField[1], bits 0 to 6."""
        bits = (self.leap61, self.leap59, self.current_utc_offset_valid, self.ptp_timescale,
                self.time_traceable, self.frequency_traceable, self.synchronization_uncertain)
        return sum(bool(bit) << position for position, bit in enumerate(bits))

    def changed(self, fields):
        """A copy with these fields; TypeError for one that does not exist or fit."""
        new = dataclasses.replace(self, **fields)
        for field in dataclasses.fields(self):
            value = getattr(new, field.name)
            if type(value) is not field.type:
                raise TypeError(f"{field.name} = {value!r} is no {field.type.__name__}")
        if {len(bytes.fromhex(i)) for i in (new.clock_identity, new.grandmaster_identity)} - {0, 8}:
            raise ValueError("a clockIdentity has 8 octets")
        new.announce()  # struct.error when a number does not fit its octets.
        return new

    def announce(self, identity=bytes(8)):
        """The body: originTimestamp (0: not used) to timeSource."""
        return struct.pack(">10xhxBBBHB8sHB", self.current_utc_offset, self.priority1, self.clock_class,
                           self.clock_accuracy, self.offset_scaled_log_variance, self.priority2,
                           bytes.fromhex(self.grandmaster_identity) or identity, self.steps_removed,
                           self.time_source)


def timestamp(ns):
    """48 bits of seconds, 32 of nanoseconds; a time before 1970 wraps, as it would."""
    return (ns // 10**9 % 2**48).to_bytes(6, "big") + (ns % 10**9).to_bytes(4, "big")


def kernel_stamp(ancillary):
    """CLOCK_REALTIME in ns, or None."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING):
            seconds, nanos = struct.unpack_from("=qq", data)
            return seconds * 10**9 + nanos or None
    return None


class Port:
    """The raw socket; messages are octets from the PTP header on."""

    def __init__(self, interface):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        self._socket.bind((interface, ETHERTYPE))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, STAMP_RX_SOFTWARE | STAMP_SOFTWARE)
        self._socket.setsockopt(263, PACKET_ADD_MEMBERSHIP, struct.pack(
            "=iHH8s", socket.if_nametoindex(interface), PACKET_MR_MULTICAST, 6, MULTICAST))
        self.mac = self._socket.getsockname()[4]

    def fileno(self):
        return self._socket.fileno()

    def send(self, message, stamped=False):
        """False when the interface would not take it."""
        # Asking per message keeps all others out of the error queue.
        ask = [(socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("=I", STAMP_TX_SOFTWARE))] if stamped else []
        frame = MULTICAST + self.mac + struct.pack(">H", ETHERTYPE) + message
        try:
            self._socket.sendmsg([frame.ljust(60, b"\0")], ask)
            return True
        except OSError:
            return False

    def receive(self, looped=False):
        """[(message, stamp)]; looped: what came back from being sent."""
        found = []
        while True:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE if looped else 0)
            except BlockingIOError:
                return found
            except OSError:
                continue  # The interface went down: reported once, then gone.
            found.append((frame[14:], kernel_stamp(ancillary)))


class Master:
    def __init__(self, port, settings):
        self._port = port
        self.settings = settings
        self._sequence = dict.fromkeys(NAMES, 0)
        self._due = {SYNC: 0.0, ANNOUNCE: 0.0}
        self._awaited = None  # sequenceId of the Sync whose stamp has not come yet.
        self.sent = dict.fromkeys(NAMES.values(), 0)

    def set(self, fields):
        if not fields:
            return
        self.settings = self.settings.changed(fields)
        self._awaited = None  # A Follow_Up would mix what was with what is.
        # A shorter interval, or one begun anew, counts from now.
        now = time.monotonic()
        self._due = {kind: min(due, now + self._interval(kind)) for kind, due in self._due.items()}

    def _identity(self):
        mac = self._port.mac
        return bytes.fromhex(self.settings.clock_identity) or mac[:3] + b"\xff\xfe" + mac[3:]

    def _interval(self, kind):
        return 2.0 ** (self.settings.log_sync_interval if kind == SYNC else self.settings.log_announce_interval)

    def _tai(self, stamp):
        return timestamp(stamp + self.settings.tai_utc * 10**9 + self.settings.error_ns)

    def _send(self, kind, sequence, body, log_interval, flags=(0, 0), stamped=False):
        if self.settings.mute:
            return
        message = struct.pack(">BBHBxBB8x4x8sHHBb", kind, 2, 34 + len(body), self.settings.domain, *flags,
                              self._identity(), 1, sequence, CONTROL_FIELD[kind], log_interval) + body
        if self._port.send(message, stamped):
            self.sent[NAMES[kind]] += 1

    def next_due(self):
        return min(self._due.values())

    def on_time(self):
        now = time.monotonic()
        for kind, due in self._due.items():
            if now < due:
                continue
            interval = self._interval(kind)
            self._due[kind] = due + interval if now < due + interval else now + interval
            if kind == SYNC and self.settings.send_sync:
                self._sync()
            elif kind == ANNOUNCE and self.settings.send_announce:
                self._announce()

    def _next(self, kind):
        self._sequence[kind] = (self._sequence[kind] + 1) % 2**16
        return self._sequence[kind]

    def _sync(self):
        self._awaited = self._next(SYNC)
        self._send(SYNC, self._awaited, bytes(10), self.settings.log_sync_interval, (TWO_STEP, 0), stamped=True)

    def _announce(self):
        self._send(ANNOUNCE, self._next(ANNOUNCE), self.settings.announce(self._identity()),
                   self.settings.log_announce_interval, (0, self.settings.flags()))

    def on_readable(self):
        for message, stamp in self._port.receive(looped=True):
            sequence = struct.unpack_from(">H", message, 30)[0]
            if stamp and message[0] & 15 == SYNC and sequence == self._awaited:
                self._awaited = None
                self._send(FOLLOW_UP, sequence, self._tai(stamp), self.settings.log_sync_interval)
        for message, stamp in self._port.receive():
            if (stamp and len(message) >= 44 and message[0] & 15 == DELAY_REQ and
                    message[4] == self.settings.domain and self.settings.answer_delay_req):
                sequence = struct.unpack_from(">H", message, 30)[0]
                self._send(DELAY_RESP, sequence, self._tai(stamp) + message[20:30],
                           self.settings.log_min_delay_req_interval)


def answer(control, master):
    request, sender = control.recvfrom(8192)
    reply = {"id": None, "error": None, "sent": master.sent}
    try:
        request = json.loads(request)
        reply["id"] = request["id"]
        master.set(request["set"])
    except (KeyError, TypeError, ValueError, struct.error) as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    control.sendto(json.dumps(reply).encode(), sender)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--interface", required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("settings", nargs="?", default="{}")
    args = parser.parse_args()
    port = Port(args.interface)
    master = Master(port, Settings().changed(json.loads(args.settings)))
    if os.path.exists(args.control):
        os.unlink(args.control)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    control.bind(args.control)
    print("sending", flush=True)
    poll = select.poll()
    poll.register(port, select.POLLIN)  # And POLLERR, always: the stamps.
    poll.register(control, select.POLLIN)
    while True:
        wait = max(master.next_due() - time.monotonic(), 0)
        ready = [fd for fd, _ in poll.poll(wait * 1000)]
        # What has arrived belongs to the settings it arrived under.
        if port.fileno() in ready:
            master.on_readable()
        if control.fileno() in ready:
            answer(control, master)
        master.on_time()


if __name__ == "__main__":
    sys.exit(main())
