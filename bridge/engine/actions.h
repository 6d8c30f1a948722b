// bridge/engine/actions.h
//
// What goes in and out of an engine. An executor (os/ on Linux, sim/ in tests)
// carries inputs in and actions out; neither the engine nor anything below it
// touches a clock, a socket or a file.
#pragma once

#include <cstddef>
#include <optional>
#include <variant>

#include "absl/container/inlined_vector.h"
#include "bridge/base/log.h"
#include "bridge/estimate/phc_servo.h"
#include "bridge/ptp/slave_port.h"
#include "bridge/refclock/refclock_sample.h"
#include "bridge/refclock/withhold_reason.h"
#include "bridge/source/companion_actions.h"
#include "bridge/time/clock_map.h"
#include "bridge/time/event_stamp.h"

namespace bridge {

// How the NTP daemon disciplines the system clock (adjtimex(2)).
struct ClockDiscipline {
  TimeDelta estimated_error;  // esterror
  int64_t frequency = 0;      // As the kernel has it: 2^-16 ppm.
  friend bool operator==(const ClockDiscipline&, const ClockDiscipline&) = default;
};

// What adjtimex(2) says of the system clock.
struct KernelClock {
  int tai_offset = 0;         // 0: never set.
  bool synchronized = false;  // STA_UNSYNC clear.
  TimeDelta max_error;
  // Our own samples may have set it, in this run or one before: it can't vouch
  // for what we publish.
  bool may_be_ours = false;
  // What a grandmaster looks at besides; nothing in traces of clients.
  std::optional<ClockDiscipline> discipline = {};
};

// ---- Actions.

// Send this message; the transmit timestamp of an event message comes back by
// its token through OnTransmitted, some time or never.
using SendMessage = ptp::Send;

// Read the clocks now and answer with OnCrossTimestamp before anything else.
struct ReadCrossTimestamp {
  bool pair_only = false;  // Not the PHC, which costs more.
};

// Step the PHC or set its frequency now; answer with OnPhcAdjusted before anything
// else.
struct AdjustPhc {
  PhcCommand command;
};

// What was done to the PHC, as far as its driver did it.
struct PhcAdjusted {
  PhcCommand command;
  // When, on CLOCK_MONOTONIC_RAW. Nothing: it refused.
  std::optional<RawTime> at;
};

// Have the hardware put its time into each Sync that is sent from now on (true:
// one-step), or stamp Syncs like other event messages; answer with OnOneStep before
// anything else.
struct SetOneStep {
  bool on = false;
};

// `output` counts config.output.shm first, then config.output.sock.
struct Publish {
  size_t output;
  RefclockSample sample;
};
struct Withdraw {
  size_t output;
};
struct WriteLog {
  LogLine line;
};

using Action = std::variant<SendMessage, ReadCrossTimestamp, AdjustPhc, Publish,
                            Withdraw, WriteLog, SendManagement, UseClock, SetOneStep>;
using Actions = absl::InlinedVector<Action, 8>;

}  // namespace bridge
