"""What the measuring programs share: runs in guests, side by side, and their tables."""
import concurrent.futures
import json
import sys

from . import guest as ends
from .machine import Machine, boot, prepare

MARK = "measured "
FEEDERS = {"peers": ends.PeerChain, "refclockd": ends.Refclockd}


def report(figures):
    """In the guest: hands a dict to the host."""
    print(MARK + json.dumps(figures), flush=True)


def in_guests(program, runs, seconds, jobs, machine=Machine(), environment=()):
    """Runs `program --in-guest RUN` in a guest for each run (a dict), and gives what each
    reported, in order. Exits where one fails, or there can be no guest."""
    why = prepare()
    if why:
        print(f"SKIP: {why}")
        sys.exit(77)

    def run(what):
        figures, lines = [], []

        def on_line(line):
            if line.startswith(MARK):
                figures.append(json.loads(line[len(MARK):]))
            else:
                lines.append(line)
        status = boot(machine, ["env", *environment, sys.executable, "-B", program, "--in-guest",
                                json.dumps(what).replace("{", "{{").replace("}", "}}")], seconds, on_line)
        if status != 0:
            raise RuntimeError(f"{what}: exit {status}\n" + "\n".join(lines[-40:]))
        return figures
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(run, runs))


def table(columns, rows):
    """columns: {key: format}; a row is (name, figures)."""
    width = max(len(name) for name, _ in rows) + 2
    print(" " * width + "".join(f"{key:>10}" for key in columns))
    for name, figures in rows:
        cells = ("-" if figures.get(k) is None else format(figures[k], f) for k, f in columns.items())
        print(f"{name:{width}}" + "".join(f"{cell:>10}" for cell in cells), flush=True)
