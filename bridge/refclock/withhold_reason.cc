#include "bridge/refclock/withhold_reason.h"

namespace bridge {

using enum WithholdReason;

const std::array<WithholdReasonText, kWithholdReasonCount> kWithholdReasons = {{
    {kNoMaster, "no-master",
     "No qualified master is heard. Check the link, ptp.domain, ptp.transport and "
     "ptp.allowed_masters; the dropped counters in `refclockctl status` say whether "
     "Announces arrive and why they are refused."},
    {kGrandmasterQuality, "grandmaster-quality",
     "The grandmaster's clockClass or clockAccuracy is worse than ptp.max_clock_class "
     "or ptp.max_clock_accuracy allow (role auto: 247, unless they say otherwise). It "
     "probably lost its GNSS reception: look there. Publication resumes a few "
     "Announces after its quality is back."},
    {kNotCalibrated, "not-calibrated",
     "A master is followed, but the path delay is not measured yet. This ends after a "
     "few Syncs; if not, the master does not answer delay requests: check ptp.delay "
     "(e2e or p2p) and firewalls."},
    {kMeasurementsStale, "measurements-stale",
     "No good Sync for four of its intervals (at least 2 s), or fewer than five since. "
     "The master stopped, the "
     "network loses messages or their timestamps are missing: see the counters of "
     "dropped messages in `refclockctl status`."},
    {kSuspectMeasurement, "suspect-measurement",
     "The newest measurements jumped and nobody can tell yet whether the clock moved "
     "or the network was slow. Samples are held for a few Syncs; if it recurs, look "
     "for load or path changes between here and the master."},
    {kUtcOffsetUnknown, "utc-offset-unknown",
     "Nobody has said what TAI-UTC is. Wait for the first Announce, give utc.leap_file "
     "a readable leap-seconds.list, or set utc.policy = \"pin\" with utc.pin."},
    {kUtcOffsetUnconfirmed, "utc-offset-unconfirmed",
     "Only one independent source says what TAI-UTC is, or a lone grandmaster changed "
     "it without a leap second. Give a second one: install tzdata for utc.leap_file, "
     "let the grandmaster announce its offset, or pin it with utc.policy = \"pin\"."},
    {kUtcOffsetContested, "utc-offset-contested",
     "Sources contradict each other about TAI-UTC, and none can be overruled; "
     "`refclockctl status` shows who says what. Correct the wrong one, which often is "
     "the grandmaster's currentUtcOffset."},
    {kUtcOffsetExpired, "utc-offset-expired",
     "Only a leap second list (utc.leap_file, or the one built in) says what TAI-UTC "
     "is, and it has expired. Update tzdata, or let the grandmaster announce its "
     "currentUtcOffset."},
    {kTimescaleArbitrary, "timescale-arbitrary",
     "The grandmaster announces ptpTimescale = 0, so its time may be UTC, TAI or "
     "anything. If you know which, set utc.arbitrary_timescale to \"utc\" or \"tai\"; "
     "better, set the PTP timescale on the grandmaster."},
    {kNearLeapSecond, "near-leap-second",
     "A month's end is within seconds, and a leap second at it is announced or not "
     "ruled out by a leap second list that has not expired. Nothing to do: publication "
     "resumes when it is over."},
    {kLeapSecondUnconfirmed, "leap-second-unconfirmed",
     "A leap second was announced for the month's end that has passed, but nobody who "
     "would know confirms the offset in use now. Correct the grandmaster's "
     "currentUtcOffset, or update tzdata for utc.leap_file; if the announcement was "
     "false, restart refclockd."},
    {kMasterTimeJumped, "master-time-jumped",
     "The master's time (or another master's) differs by more than 0.25 s from the "
     "continuation of what was published, and it cannot be told which is right. "
     "Publication resumes when the old time is back, when the same grandmaster says "
     "that it has found its reference (clockClass), or after a day; if you know that "
     "the new time is right, restart refclockd."},
    {kMasterUnproven, "master-unproven",
     "The measured time does not go on where the published time was: another master "
     "is followed, or a storm on the network deceives the measurement. It is believed "
     "after eight consistent Syncs and two seconds; if it recurs, compare the masters "
     "and look for load on the way to them."},
    {kSystemClockDisagrees, "system-clock-disagrees",
     "The system clock, which another program has synchronised, is more than 0.25 s "
     "away from the master's time, and nothing has been published yet. One of the two "
     "is wrong: compare `chronyc tracking` or `ntpq -p` with the grandmaster, and stop "
     "the NTP daemon if its servers are wrong."},
    {kNoCrossTimestamp, "no-cross-timestamp",
     "The system clock and the clock that measures (CLOCK_MONOTONIC_RAW, or the "
     "network "
     "card's) could not be read together. The log has the system call's error; a "
     "sandbox or seccomp filter may forbid it."},
    {kCrossTimestampWide, "cross-timestamp-wide",
     "Reading the two clocks was interrupted for too long to be exact. Samples are "
     "held until the next reading; if it recurs, relieve the CPU or set "
     "realtime.priority."},
    {kErrorBoundExceeded, "error-bound-exceeded",
     "The error may exceed output.max_error. Half the path delay counts as unknown "
     "asymmetry: set ptp.asymmetry_bound if you know better, or raise "
     "output.max_error."},
    {kEpochInsane, "epoch-insane",
     "The master's time is before the release of this version or after 2100. Set the "
     "grandmaster's clock: devices without a time source often begin in 1970."},
    {kSystemClockStepped, "system-clock-stepped",
     "The system clock was stepped while a sample was made. The next Sync brings a new "
     "one; if it recurs, two programs set the clock: stop one of them."},
    {kPhcStepped, "phc-stepped",
     "Something else stepped the network card's clock (PHC), or its driver reset it. "
     "Measuring begins anew and takes a few Syncs; if it recurs, two programs steer "
     "that clock: stop one of them, or set phc.mode = \"observe\"."},
    {kInterfaceDown, "interface-down",
     "The network interface is down, or it or its hardware clock is gone. Check the "
     "cable and ptp.interface; publication resumes by itself."},
    {kPtp4lSilent, "ptp4l-silent",
     "Nothing is heard from ptp4l on its management socket. Start it, name its socket "
     "as "
     "companion.socket, and let it write to refclockd's; a ptp4l of another domain "
     "says "
     "nothing either, but is looked for. Publication resumes by itself."},
    {kNotFollowing, "not-following",
     "With role = \"auto\" samples are published while another grandmaster is "
     "followed. This clock serves, stands by or still listens: its NTP daemon must not "
     "be fed with its own time. Nothing to do."},
    {kGnssReturned, "gnss-returned",
     "GNSS is back. Before this clock may be grandmaster again, its NTP daemon has to "
     "show that it disciplines the system clock without these samples. Publication "
     "resumes if it does not within a quarter of an hour: then look for its GNSS "
     "source with `chronyc sources` or `ntpq -p`."},
    {kStopping, "stopping",
     "The daemon is stopping. Start it again if that was not intended."},
}};

const char* WithholdReasonName(WithholdReason reason) {
  return kWithholdReasons[static_cast<size_t>(reason)].name;
}

}  // namespace bridge
