#include "bridge/source/stamp_carrier.h"

#include <variant>

namespace bridge {

SteadyTimeBase::PairVerdict StampCarrier::OnPair(const CrossTimestamp<Raw>& pair,
                                                 MonoTime now) {
  last_raw_ = pair.local;
  last_raw_at_ = now;
  return steady_.AddPair(pair);
}

StampCarrier::Reading StampCarrier::OnReading(const ClockReading& reading,
                                              MonoTime now) {
  const auto steady = OnPair(reading.pair, now);
  Reading result;
  result.system_stepped = steady == SteadyTimeBase::PairVerdict::kStepped;
  if (!hardware()) {
    const CrossTimestamp<Raw>& pair = reading.pair;
    result.wide = steady == SteadyTimeBase::PairVerdict::kWide;
    result.local = {AsLocal(pair.local), pair.system, pair.window};
    return result;
  }
  if (!reading.phc) return result;
  const CrossTimestamp<Phc>& phc = *reading.phc;
  // Where CLOCK_MONOTONIC_RAW stood when the PHC was read. A step of CLOCK_REALTIME
  // in between makes that unknown, and the reading worthless.
  const std::optional<RawTime> raw = steady_.Carry(phc.system);
  if (!raw || result.system_stepped) {
    result.system_stepped = true;
    return result;
  }
  switch (phc_.AddReading(phc.local, *raw, phc.window + reading.pair.window)) {
    case PhcTimeBase::Verdict::kGood:
      break;
    case PhcTimeBase::Verdict::kWide:
      result.wide = true;
      break;
    case PhcTimeBase::Verdict::kStepped:
      result.phc_stepped = true;
      break;
    case PhcTimeBase::Verdict::kUncertain:
      result.phc_uncertain = true;
      break;
  }
  result.local = {phc_.CarryReading(phc.local), phc.system, phc.window};
  return result;
}

// Whether a PHC's stamp is of this time can be told from a pair that is a second old:
// CLOCK_MONOTONIC is slewed by milliseconds meanwhile at most.
std::optional<LocalTime> StampCarrier::Carry(EventStamp stamp, MonoTime now) {
  std::optional<LocalTime> local;
  if (const auto* phc = std::get_if<PhcTime>(&stamp); phc != nullptr) {
    if (hardware() && last_raw_) {
      local = phc_.Carry(*phc, *last_raw_ + (now - last_raw_at_));
    }
  } else if (!hardware()) {
    const std::optional<RawTime> raw = steady_.Carry(std::get<UtcTime>(stamp));
    if (raw) local = AsLocal(*raw);
  }
  if (!local) ++refused_;
  return local;
}

void StampCarrier::Reset() {
  steady_.Reset();
  phc_.Reset();
  last_raw_.reset();
}

}  // namespace bridge
