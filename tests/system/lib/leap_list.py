"""Leap second lists to put in the daemon's way, in the format of leap-seconds.list."""
import hashlib
import time

_NTP = 2208988800  # NTP seconds of 1970.
_DAY = 86400
# Of Debian's file, from the last leap seconds; each first second with that TAI-UTC.
_ROWS = ((3439756800, 34), (3550089600, 35), (3644697600, 36), (3692217600, 37))


def text(updated, expires, rows=_ROWS, wrong_hash=False):
    """Unix seconds. The hash is of the digits of both stamps and all rows, in order."""
    updated, expires = int(updated) + _NTP, int(expires) + _NTP
    digits = f"{updated}{expires}" + "".join(f"{since}{offset}" for since, offset in rows)
    digest = hashlib.sha1((digits + "0" * wrong_hash).encode()).hexdigest()
    words = " ".join(digest[i:i + 8] for i in range(0, 40, 8))
    return (f"#$\t{updated}\n#@\t{expires}\n" +
            "".join(f"{since}\t{offset}\t# a row\n" for since, offset in rows) + f"#h\t{words}\n")


_NOW = time.time()
GOOD = text(_NOW - 30 * _DAY, _NOW + 200 * _DAY)
EXPIRED = text(_NOW - 300 * _DAY, _NOW - 30 * _DAY)
# None: no file at all.
BAD = {
    "truncated": GOOD[:GOOD.rindex("\t37")],
    "with a wrong hash": text(_NOW - 30 * _DAY, _NOW + 200 * _DAY, wrong_hash=True),
    "expired": EXPIRED,
    "that says 38": text(_NOW - 30 * _DAY, _NOW + 200 * _DAY, (*_ROWS, (3976214400, 38))),
    "removed": None,
}
