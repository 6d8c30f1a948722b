"""A gpsd that is none: to who connects it tells of a receiver with a fix, leap seconds and a
pulse each second, by the system clock. The file named first says how far that clock is
ahead of GNSS by the pulses, in seconds; gpsd feeds no pulses from a pseudo terminal.

    fake_gpsd.py FILE PORT
"""
import datetime
import json
import socketserver
import sys
import time
from pathlib import Path

AHEAD, PORT = Path(sys.argv[1]), int(sys.argv[2])
DEVICE = "/dev/ttyS0"
LEAP_SECONDS = 18


def reports(second):
    utc = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
    yield {"class": "TPV", "device": DEVICE, "mode": 3, "time": utc.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "ept": 0.005,
           "leapseconds": LEAP_SECONDS}
    yield {"class": "SKY", "device": DEVICE, "uSat": 8}
    real = second * 10**9 - round(float(AHEAD.read_text()) * 1e9)
    yield {"class": "PPS", "device": DEVICE, "real_sec": real // 10**9, "real_nsec": real % 10**9, "clock_sec": second,
           "clock_nsec": 0, "precision": -20}


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        self.say({"class": "VERSION", "release": "3.22", "rev": "3.22", "proto_major": 3, "proto_minor": 14})
        while True:
            second = int(time.time()) + 1
            time.sleep(second - time.time())
            for report in reports(second):
                self.say(report)

    def say(self, report):
        self.wfile.write(json.dumps(report).encode() + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


Server(("127.0.0.1", PORT), Client).serve_forever()
