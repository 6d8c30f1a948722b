#include "bridge/engine/engine_settings.h"

namespace bridge {

ptp::PortSettings PortSettingsOf(const Config::Ptp& ptp, ptp::PortIdentity identity) {
  ptp::PortSettings settings;
  settings.identity = identity;
  settings.domain = {static_cast<uint8_t>(ptp.domain)};
  settings.minor_version = static_cast<uint8_t>(ptp.minor_version.value_or(0));
  settings.delay_mechanism = ptp.delay == DelayChoice::kP2P ? ptp::DelayMechanism::kP2P
                                                            : ptp::DelayMechanism::kE2E;
  settings.announce_interval = {static_cast<int8_t>(ptp.announce_interval)};
  settings.delay_interval = {static_cast<int8_t>(ptp.delay_interval)};
  settings.announce_receipt_timeout = ptp.announce_receipt_timeout;
  for (uint64_t identity_value : ptp.allowed_masters) {
    settings.allowed_masters.push_back({identity_value});
  }
  return settings;
}

StampKind StampsOf(const Config::Ptp& ptp) {
  return ptp.timestamping == Timestamping::kHardware ? StampKind::kHardware
                                                     : StampKind::kSoftware;
}

int MaxClockClass(const Config& config) {
  return config.ptp.max_clock_class.value_or(config.role == Role::kAuto ? 247 : 255);
}

const char* TransportName(Transport transport) {
  switch (transport) {
    case Transport::kL2:
      return "l2";
    case Transport::kUdp4:
      return "udp4";
    case Transport::kUdp6:
      return "udp6";
  }
  return "l2";
}

void DescribePort(const Config& config, bool hardware, StatusReport& report) {
  report.interface = config.ptp.interface;
  report.timestamping = hardware ? "hardware" : "software";
  report.transport = TransportName(config.ptp.transport);
  report.domain = config.ptp.domain;
  if (!hardware) return;
  report.phc.emplace();
  report.phc->device = config.phc.device;
  report.phc->mode = "observe";
}

}  // namespace bridge
