// bridge/ptp/port_settings.h
//
// What a port has to be told once.
#pragma once

#include <cstdint>
#include <vector>

#include "bridge/ptp/types.h"

namespace bridge::ptp {

enum class DelayMechanism : uint8_t { kE2E = 1, kP2P = 2 };

struct PortSettings {
  PortIdentity identity;
  DomainNumber domain;
  SdoId sdo;
  uint8_t minor_version = 0;
  DelayMechanism delay_mechanism = DelayMechanism::kE2E;
  LogInterval announce_interval{1};  // A slave's until the wire tells another one.
  LogInterval delay_interval{0};     // logMin(P)DelayReqInterval, likewise.
  // A Pdelay_Req goes right behind our answer to the neighbour's, if it is due: better
  // for software stamps, whose lateness depends on what went before.
  bool asks_behind_answers = false;
  int announce_receipt_timeout = 3;
  std::vector<ClockIdentity> allowed_masters;  // Grandmasters; empty = any.
};

// How often one source may ask: `per_second` in the long run, `burst` at once. Both >
// 0.
struct RequestLimit {
  int per_second = 32;
  int burst = 16;
};

struct MasterPortSettings : PortSettings {
  LogInterval sync_interval{0};
  // A better master is to be followed, by a slave port beside this one: then it stands
  // back in UNCALIBRATED instead of PASSIVE.
  bool slave_capable = false;
  // Announce intervals to spend in PRE_MASTER. For an ordinary clock, whose decisions
  // are M1 or M2, the standard has none (9.2.6.11).
  int qualification_intervals = 0;
  // Of slaves that are told to ask less than this many times a second. Others get
  // twice what they are told.
  RequestLimit request_limit;
};

}  // namespace bridge::ptp
