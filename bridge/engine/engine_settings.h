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
StampKind StampsOf(const Config::Ptp& ptp);  // timestamping is not auto.
// Publish nothing of a master of a greater clockClass. A clock of role auto has a
// source of its own, and 248 is what any claims before it has earned better: one that
// was switched on with us and shows the time of its battery, too.
int MaxClockClass(const Config& config);
const char* TransportName(Transport transport);  // "l2"

// What a port of our own says of itself: interface, stamps, transport, domain, PHC.
void DescribePort(const Config& config, bool hardware, StatusReport& report);

}  // namespace bridge
