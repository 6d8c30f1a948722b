"""PTP over Ethernet as octets: what a master says is heard at the near interface, and
what nobody honest says is sent from there."""
import ctypes
import fcntl
import random
import socket
import struct
import threading
import time

from .cable import FAR_IF, NEAR_IF

ETHERTYPE = 0x88F7
MULTICAST = bytes.fromhex("011b19000000")
SYNC, DELAY_REQ, FOLLOW_UP, DELAY_RESP, ANNOUNCE = 0, 1, 8, 9, 11
# asm-generic/socket.h, linux/if_packet.h; Python 3.11 names none of them.
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23


def _filter(kinds):
    """A classic BPF program that lets these messageTypes through, and its length."""
    code = [(0x30, 0, 0, 14), (0x54, 0, 0, 15)]  # The octet behind the Ethernet header, and its low half.
    code += [(0x15, len(kinds) - i, 0, kind) for i, kind in enumerate(kinds)]  # Equal: to the last.
    code += [(0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF)]
    return b"".join(struct.pack("=HBBI", *step) for step in code), len(code)


class Hearer:
    """Hears every Sync and Announce that arrives, in a thread. Times are the kernel's."""

    def __init__(self, cable, side="near"):
        self.syncs = []      # When, s.
        self.announces = []  # (when, message).
        self._error = None
        self._ended = False
        program, length = _filter((SYNC, ANNOUNCE))
        code = ctypes.create_string_buffer(program)
        with cable.network(side):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER,
                                    struct.pack("@HP", length, ctypes.addressof(code)))
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.bind(({"near": NEAR_IF, "far": FAR_IF}[side], ETHERTYPE))
        self._socket.settimeout(0.5)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._ended:
                try:
                    frame, ancillary, _, _ = self._socket.recvmsg(2048, 128)
                except (TimeoutError, OSError):
                    continue  # The interface is down.
                seconds, nanos = struct.unpack_from("=qq", ancillary[0][2])
                self._hear(frame[14:], seconds + nanos * 1e-9)
        except BaseException as error:
            self._error = error

    def _hear(self, octets, when):
        if octets[0] & 15 == SYNC:
            self.syncs.append(when)
        elif octets[0] & 15 == ANNOUNCE:
            self.announces.append((when, octets))

    def end(self):
        self._ended = True
        self._thread.join()
        self._socket.close()
        if self._error:
            raise self._error
        return self

    def classes(self):
        """clockClass as it was announced: each that differs from the one before."""
        found = []
        for _, octets in self.announces:
            if not found or found[-1] != octets[48]:
                found.append(octets[48])
        return found

    def first(self, clock_class):
        """When that was first announced, s."""
        return next(when for when, octets in self.announces if octets[48] == clock_class)

    def reigns(self, pause):
        """[(first, last)] of each row of Announces without a longer pause, s."""
        times = [when for when, _ in self.announces]
        ends = [i for i in range(1, len(times)) if times[i] - times[i - 1] > pause]
        return [(times[a], times[b - 1]) for a, b in zip([0, *ends], [*ends, len(times)])]


class Bystander:
    """Beats every `interval` s and has nothing else to do: what a machine busy with other things
    makes it miss, it makes others miss as well. As refclockd, it makes up for none."""

    def __init__(self, interval):
        self.times = []
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        due = time.monotonic()
        while not self._ended.wait(max(0, due - time.monotonic())):
            now = time.monotonic()
            self.times.append(now)
            due = due + self._interval if due + self._interval > now else now + self._interval

    def end(self):
        self._ended.set()
        self._thread.join()


def longest_gap(times):
    return max(b - a for a, b in zip(times, times[1:]))


def message(kind, body, source, sequence=0, domain=0):
    """source: clockIdentity and portNumber, 10 octets."""
    return struct.pack(">BBHBx2x8x4x10sHBb", kind, 2, 34 + len(body), domain, source, sequence % 2**16, 5, 0) + body


def announce(source, grandmaster, sequence=0, steps=0, domain=0):
    """Better than anybody, if it were believed."""
    body = struct.pack(">10xhxBBBHB8sHB", 37, 1, 6, 0x20, 1, 1, grandmaster, steps, 0x20)
    return message(ANNOUNCE, body, source, sequence, domain)


def noise(numbers):
    """Random octets, most behind a header that looks like PTP's."""
    octets = bytearray(numbers.randbytes(numbers.randrange(1, 120)))
    if len(octets) > 34 and numbers.random() < 0.9:
        octets[0:2] = bytes((numbers.randrange(16), 2))
        octets[2:4] = struct.pack(">H", len(octets) if numbers.random() < 0.8 else numbers.randrange(200))
        octets[4] = 0
    return bytes(octets)


class Flood:
    """Sends what `make(number)` gives, a frame's payload each, as fast as it can or may. One of all
    tests at a time: several would leave nothing of two processors for those who are to hold out.
    `with` waits for the turn, so that what is measured inside is all flood."""

    def __init__(self, cable):
        with cable.near_network():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((NEAR_IF, ETHERTYPE))

    def __enter__(self):
        self._turn = open(__file__)
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_):
        self._turn.close()

    def send(self, make, count=None, seconds=None, per_second=None):
        """How many it sent, and in how many seconds."""
        head = MULTICAST + bytes.fromhex("020000000099") + struct.pack(">H", ETHERTYPE)
        start, sent = time.monotonic(), 0
        while (count is None or sent < count) and (seconds is None or time.monotonic() < start + seconds):
            self._socket.send((head + make(sent)).ljust(60, b"\0"))
            sent += 1
            if per_second and sent % 100 == 0:
                time.sleep(max(0, start + sent / per_second - time.monotonic()))
        return sent, time.monotonic() - start


def identity(numbers):
    """A random clockIdentity with portNumber 1."""
    return numbers.randbytes(8) + b"\0\1"


def seeded():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)
