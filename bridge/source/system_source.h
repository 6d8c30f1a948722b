// bridge/source/system_source.h
//
// Where a grandmaster's time comes from: the system clock, over a local clock to which
// the stamps of frames are carried; or a PHC that another program disciplines to TAI
// ("phc"): then its own stamps are TAI, and the system clock only has to agree with it
// about the second.
#pragma once

#include <optional>

#include "bridge/estimate/system_line.h"
#include "bridge/estimate/window_watch.h"
#include "bridge/source/stamp_carrier.h"

namespace bridge {

class SystemSource {
 public:
  struct Settings {
    StampKind stamps = StampKind::kSoftware;
    bool serves_phc = false;
    TimeDelta ingress_latency{};  // From the wire to where a frame is stamped,
    TimeDelta egress_latency{};   // and from there to the wire.
  };

  explicit SystemSource(const Settings& settings);

  // True: the system clock was stepped since the last pair or reading.
  bool OnPair(const CrossTimestamp<Raw>& pair, MonoTime now);

  struct Reading {
    // Since the last one. Stamps from before then mean nothing any more.
    bool stepped = false;
    // What the local clock showed, and the system clock. Nothing if it could not be
    // read well.
    std::optional<CrossTimestamp<Local>> local;
  };
  Reading OnReading(const ClockReading& reading, MonoTime now);
  // The reading is to count, or (around a leap second) not.
  void Learn(const CrossTimestamp<Local>& reading);

  // When a frame came in from the wire, or went out to it.
  std::optional<LocalTime> Received(EventStamp stamp, MonoTime now);
  std::optional<LocalTime> Sent(EventStamp stamp, MonoTime now);

  // What TAI a local instant is, with this TAI-UTC in seconds. Nothing before there are
  // readings enough.
  std::optional<ClockMap<Local, Tai>> ToTai(int offset) const;
  // How far that may be from the system clock, whose own error is known. ToTai() is
  // there.
  TimeDelta error() const;
  // Standard error of its rate, ppb.
  double rate_error_ppb() const { return line_.rate_error_ppb(); }

  // The system slept.
  void Reset();

  bool is_phc() const { return settings_.serves_phc; }
  bool hardware() const { return carrier_.hardware(); }
  PhcTimeBase& phc() { return carrier_.phc(); }
  const PhcTimeBase& phc() const { return carrier_.phc(); }
  uint64_t stamps_refused() const { return carrier_.refused(); }

 private:
  const Settings settings_;
  StampCarrier carrier_;
  SystemLine line_;
  // "phc": its newest reading.
  std::optional<CrossTimestamp<Phc>> phc_;
  WindowWatch windows_;
};

}  // namespace bridge
