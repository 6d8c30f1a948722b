#include "bridge/ptp/drop_reason.h"

namespace bridge::ptp {

constexpr std::array<DropReasonText, kDropReasonCount> kDropReasons = {{
    {DropReason::kTooShort, "too-short",
     "The frame holds less than a PTP header. Something that does not speak PTP sends "
     "to its port, or frames are being cut on the way."},
    {DropReason::kWrongVersion, "wrong-version",
     "The message is not PTP version 2. A PTP version 1 device shares the network; "
     "nothing to do unless it is your grandmaster."},
    {DropReason::kReservedType, "reserved-type",
     "The message type is one the standard reserves (4 to 7, E, F). Nothing to do "
     "unless it is frequent; then find the sender with a packet capture."},
    {DropReason::kLengthMismatch, "length-mismatch",
     "messageLength is more than was received or less than the message type needs. "
     "The sender is broken or frames are being cut on the way."},
    {DropReason::kMalformedTlv, "malformed-tlv",
     "A TLV has an odd length or reaches past the end of its message. The sender is "
     "broken; look for a firmware update."},
    {DropReason::kBadTimestamp, "bad-timestamp",
     "A timestamp holds 10^9 nanoseconds or more. The sender is broken; do not take "
     "time from it."},
    {DropReason::kOtherDomain, "other-domain",
     "The message belongs to another PTP domain. Nothing to do, unless no message "
     "gets through: then set ptp.domain to the grandmaster's domain."},
    {DropReason::kOtherSdo, "other-sdo",
     "The message carries another sdoId (transportSpecific), as that of another "
     "profile does, for example 802.1AS. Nothing to do unless it is your "
     "grandmaster's; then its profile does not match ours."},
    {DropReason::kOwnMessage, "own-message",
     "The message carries our own clock identity. Either the network returns what we "
     "send (a loop or a mirrored port) or two devices share one identity."},
    {DropReason::kAlternateMaster, "alternate-master",
     "The message comes from an alternate master, which is not to be followed. "
     "Nothing to do."},
    {DropReason::kNotForUs, "not-for-us",
     "The message answers or addresses another port. Usual where several clients "
     "share a multicast network; nothing to do."},
    {DropReason::kNotExpected, "not-expected",
     "The port takes no message of this type in its state and configuration. If it "
     "persists, compare ptp.delay and the role with those of the other devices."},
    {DropReason::kMasterNotAllowed, "master-not-allowed",
     "The announced grandmaster is not in ptp.allowed_masters. Add its identity if "
     "you trust it; otherwise find out who is announcing."},
    {DropReason::kTooManyMasters, "too-many-masters",
     "More masters announce themselves than are remembered, and this one was left "
     "out. Find out why there are so many; ptp.allowed_masters can name yours."},
    {DropReason::kStepsRemoved, "steps-removed",
     "stepsRemoved is 255 or more, so the Announce is going round in circles or comes "
     "from too far away. Look for a loop between boundary clocks."},
    {DropReason::kStaleAnnounce, "stale-announce",
     "The Announce is not newer than the last one of the same master. The network "
     "delays or duplicates frames; nothing to do if it is rare."},
    {DropReason::kNotFromParent, "not-from-parent",
     "The message comes from a master we do not follow. Nothing to do where several "
     "masters are heard."},
    {DropReason::kNoReceiveTimestamp, "no-receive-timestamp",
     "An event message arrived without a receive timestamp, so it measures nothing. "
     "If none has one, the interface does not stamp this transport: change "
     "ptp.transport."},
    {DropReason::kDuplicate, "duplicate",
     "The same message was received before. The network duplicates frames; nothing to "
     "do if it is rare."},
    {DropReason::kUnmatched, "unmatched",
     "The message or timestamp has no counterpart: its other half was lost, came too "
     "late or was never asked for. Nothing to do if it is rare; otherwise frames are "
     "being lost."},
    {DropReason::kCorrectionOutOfRange, "correction-out-of-range",
     "The correctionField is beyond belief, or says that its value is too big to "
     "tell. A transparent clock on the path is broken."},
    {DropReason::kMultipleResponders, "multiple-responders",
     "More than one neighbour answered a Pdelay_Req. A switch on the link does not "
     "take part in PTP: replace it, or set ptp.delay to e2e."},
    {DropReason::kTransmitTimestampLate, "transmit-timestamp-late",
     "The transmit timestamp of a message came after its exchange had been given up. "
     "Nothing to do if it is rare; otherwise the machine or its driver is overloaded."},
    {DropReason::kManagementMalformed, "management-malformed",
     "A management reply has another size than its data set, or holds what no ptp4l "
     "says. If it recurs, say which version of linuxptp it is."},
    {DropReason::kManagementError, "management-error",
     "ptp4l answered a question with an error, as older versions and the read-only "
     "socket do. Nothing to do while samples come."},
    {DropReason::kOtherClock, "other-clock",
     "A management reply came from another clock than the ptp4l that was found. After "
     "a restart with a new identity it is found again by itself; otherwise two ptp4l "
     "share a socket path."},
    {DropReason::kIngressImplausible, "ingress-implausible",
     "The receive time that ptp4l tells for a Sync is not of a moment ago on the clock "
     "it should be of. Nothing to do if it is rare; otherwise that is another clock: "
     "check ptp.interface and ptp.timestamping."},
    {DropReason::kTransmitTimestampMissing, "transmit-timestamp-missing",
     "No transmit timestamp of a Sync came, so it got no Follow_Up and measured "
     "nothing. "
     "Nothing to do if it is rare; otherwise the interface does not stamp what it "
     "sends, or its driver is overloaded."},
    {DropReason::kTimeUnknown, "time-unknown",
     "A timestamp could not be told in TAI, so no Follow_Up or Delay_Resp went out. "
     "Usual "
     "at the start; otherwise see why the clock or TAI-UTC is not known."},
    {DropReason::kRateLimited, "rate-limited",
     "One source sends more requests than a slave needs, and this one was not "
     "answered. "
     "Find the sender; others are served as before."},
    {DropReason::kNotInserted, "not-inserted",
     "The transmit timestamp of a one-step Sync came, so the hardware did not put its "
     "time into it. Each Sync has a Follow_Up from then on. Another program may have "
     "set how the interface stamps; otherwise set grandmaster.one_step to off."},
}};

static_assert(
    [] {
      for (size_t i = 0; i < kDropReasons.size(); ++i) {
        if (kDropReasons[i].reason != static_cast<DropReason>(i)) return false;
      }
      return kDropReasons.back().reason == DropReason::kNotInserted;
    }(),
    "in the order of the enum, and complete");

const char* DropReasonName(DropReason reason) {
  return kDropReasons[static_cast<size_t>(reason)].name;
}

}  // namespace bridge::ptp
