// bridge/engine/engine_settings.h
//
// From the configuration to what the parts of every engine are told.
#pragma once

#include "bridge/config/config.h"
#include "bridge/estimate/offset_estimator.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/telemetry/status_report.h"

namespace bridge {

ptp::PortSettings PortSettingsOf(const Config::Ptp& ptp, ptp::PortIdentity identity);
StampKind StampsOf(const Config::Ptp& ptp);      // timestamping is not auto.
const char* TransportName(Transport transport);  // "l2"

// What a port of our own says of itself: interface, stamps, transport, domain, PHC.
void DescribePort(const Config& config, bool hardware, StatusReport& report);

}  // namespace bridge
