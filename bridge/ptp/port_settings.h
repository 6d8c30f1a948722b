// bridge/ptp/port_settings.h
//
// What a slave port has to be told once.
#pragma once

#include <cstdint>
#include <vector>

#include "bridge/ptp/types.h"

namespace bridge::ptp {

enum class DelayMechanism : uint8_t { kE2E = 1, kP2P = 2 };

struct SlavePortSettings {
  PortIdentity identity;
  DomainNumber domain;
  SdoId sdo;
  uint8_t minor_version = 0;
  DelayMechanism delay_mechanism = DelayMechanism::kE2E;
  LogInterval announce_interval{1};  // Until the wire tells another one.
  LogInterval delay_interval{0};     // logMin(P)DelayReqInterval, likewise.
  int announce_receipt_timeout = 3;
  std::vector<ClockIdentity> allowed_masters;  // Grandmasters; empty = any.
};

}  // namespace bridge::ptp
