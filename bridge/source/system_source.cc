#include "bridge/source/system_source.h"

#include <cmath>
#include <variant>

namespace bridge {
namespace {

// With hardware stamps the noise is that of reading the PHC, some hundred ns. Twice as
// long is a third better while the system clock runs free, and worse than half as long
// where it is slewed often. With software stamps both clocks are read by the vDSO.
constexpr TimeDelta kHardwareSpan = TimeDelta::FromSeconds(8);
constexpr TimeDelta kSoftwareSpan = TimeDelta::FromSeconds(1);
// A PHC that is disciplined is not slewed faster than this.
constexpr TimeDelta kPhcStep = TimeDelta::FromMillis(10);

// A disciplined PHC is itself the clock that frames are measured on.
LocalTime AsLocal(PhcTime phc) { return LocalTime() + phc.SinceEpoch(); }

}  // namespace

SystemSource::SystemSource(const Settings& settings)
    : settings_(settings),
      carrier_(settings.stamps),
      line_(settings.stamps == StampKind::kHardware ? kHardwareSpan : kSoftwareSpan) {}

bool SystemSource::OnPair(const CrossTimestamp<Raw>& pair, MonoTime now) {
  const bool stepped =
      carrier_.OnPair(pair, now) == SteadyTimeBase::PairVerdict::kStepped;
  if (stepped) line_.Reset();
  return stepped;
}

SystemSource::Reading SystemSource::OnReading(const ClockReading& reading,
                                              MonoTime now) {
  if (is_phc()) {
    OnPair(reading.pair, now);
    if (!reading.phc) return {};
    const CrossTimestamp<Phc>& phc = *reading.phc;
    const auto ahead = [](const CrossTimestamp<Phc>& r) {
      return r.local.SinceEpoch() - r.system.SinceEpoch();
    };
    Reading result;
    result.stepped = phc_ && (ahead(phc) - ahead(*phc_)).Abs() > kPhcStep;
    if (result.stepped) line_.Reset();
    phc_ = phc;
    if (!windows_.IsWide(phc.window)) {
      result.local = {AsLocal(phc.local), phc.system, phc.window};
    }
    return result;
  }
  const StampCarrier::Reading read = carrier_.OnReading(reading, now);
  Reading result;
  result.stepped = read.system_stepped || read.phc_stepped || read.phc_uncertain;
  if (result.stepped) line_.Reset();
  if (!read.wide) result.local = read.local;
  return result;
}

void SystemSource::Learn(const CrossTimestamp<Local>& reading) {
  line_.Add(reading.local, reading.system, reading.window);
}

std::optional<LocalTime> SystemSource::Received(EventStamp stamp, MonoTime now) {
  std::optional<LocalTime> local;
  if (!is_phc()) {
    local = carrier_.Carry(stamp, now);
  } else if (const auto* phc = std::get_if<PhcTime>(&stamp)) {
    local = AsLocal(*phc);
  }
  if (local) *local = *local - settings_.ingress_latency;
  return local;
}

std::optional<LocalTime> SystemSource::Sent(EventStamp stamp, MonoTime now) {
  const auto local = Received(stamp, now);
  if (!local) return std::nullopt;
  return *local + settings_.ingress_latency + settings_.egress_latency;
}

std::optional<ClockMap<Local, Tai>> SystemSource::ToTai(int offset) const {
  if (is_phc()) {
    if (!phc_) return std::nullopt;
    return ClockMap<Local, Tai>(AsLocal(phc_->local),
                                TaiTime() + phc_->local.SinceEpoch(), 0, Era());
  }
  const auto line = line_.Map();
  if (!line) return std::nullopt;
  const LocalTime at = *line_.last();
  const UtcTime utc = *line->Map(at, line->era());
  return ClockMap<Local, Tai>(
      at, TaiTime() + (utc.SinceEpoch() + TimeDelta::FromSeconds(offset)), line->rate(),
      line->era());
}

// By whole seconds a PHC and the system clock differ as they should, or the engine says
// that they do not.
TimeDelta SystemSource::error() const {
  const auto line = line_.Map();
  if (!is_phc() || !line) return line_.Error();
  const LocalTime at = *line_.last();
  const TimeDelta ahead = at.SinceEpoch() - line->Map(at, line->era())->SinceEpoch();
  const auto whole = TimeDelta::FromSeconds(std::llround(ahead.SecondsDouble()));
  return line_.Error() + (ahead - whole).Abs();
}

void SystemSource::Reset() {
  carrier_.Reset();
  line_.Reset();
  phc_.reset();
}

}  // namespace bridge
