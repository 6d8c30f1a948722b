"""Wrong use and wrong configuration: a clear message and exit 2, nothing touched."""
from lib.cable import NEAR_IF
from lib.kit import only_refclockd, rows
from lib.peers import program
from lib.shm import ShmObserver

GOOD = f'[ptp]\ninterface = "{NEAR_IF}"\n'


@rows(("unknown_key", GOOD + "colour = 3\n", ":3:", "colour"),
      ("domain_out_of_range", GOOD + "domain = 300\n", ":3:", "300"),
      ("wrong_type", GOOD + 'domain = "zero"\n', ":3:", "domain"),
      ("unknown_table", GOOD + "[bogus]\nx = 1\n", ":3:", "bogus"),
      ("not_toml", GOOD + "domain = \n", ":3:", ""),
      ("not_ascii", GOOD + "\u00fc = 1\n", ":3:1:", "not ASCII"),
      ("unit_out_of_range", GOOD + "[[output.shm]]\nunit = 9999\n", ":4:", "9999"),
      ("missing_interface", '[ptp]\ninterface = "nosuch0"\n', "", "nosuch0"),
      ("unreadable_leap_file", GOOD + '[utc]\nleap_file = "/nosuch/file"\n', "", "/nosuch/file"),
      ("impossible_socket", GOOD + '[[output.sock]]\npath = "' + "/x" * 80 + '"\n', "", "107"))
def test_refuses(cable, name, text, where, what):
    only_refclockd("has its own rules")
    config = cable.dir / "bad.toml"
    config.write_text(text + ("" if "[[output" in text else "[[output.shm]]\nunit = 2\n"))
    result = cable.run("near", [program("refclockd"), f"--config={config}"], timeout=10)
    assert result.returncode == 2, f"{name}: exit {result.returncode}: {result.stderr}"
    assert where in result.stderr and what in result.stderr, result.stderr
    assert not ShmObserver().attach(), "a segment was made before the configuration was judged"


def test_check_names_all_errors_at_once(cable):
    only_refclockd("has no --check")
    config = cable.dir / "bad.toml"
    config.write_text(GOOD + "domain = 300\nminor_version = 7\n")
    result = cable.run("near", [program("refclockd"), f"--config={config}", "--check"], timeout=10)
    assert result.returncode == 2 and "300" in result.stderr and "minor_version" in result.stderr, result.stderr


def test_check_accepts_a_good_file(cable):
    only_refclockd("has no --check")
    config = cable.dir / "good.toml"
    config.write_text(GOOD)
    result = cable.run("near", [program("refclockd"), f"--config={config}", "--check"], timeout=10)
    assert result.returncode == 0, result.stderr


def test_refuses_an_unknown_option(cable):
    only_refclockd("has its own rules")
    result = cable.run("near", [program("refclockd"), "--colour=red"], timeout=10)
    assert result.returncode == 2 and "--colour" in result.stderr, result.stderr


def test_refuses_without_permission(cable):
    only_refclockd("has its own rules")
    config = cable.dir / "good.toml"
    config.write_text(GOOD + f'[status]\nsocket = "/tmp/{cable.dir.name}.sock"\n')
    config.chmod(0o644)
    cable.dir.chmod(0o755)
    result = cable.run("near", ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                                "--inh-caps=-all", program("refclockd"), f"--config={config}"], timeout=10)
    assert result.returncode == 2, f"exit {result.returncode}: {result.stderr}"
    assert "permission" in result.stderr.lower() or "CAP_" in result.stderr, result.stderr
