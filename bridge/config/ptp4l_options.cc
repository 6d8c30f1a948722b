#include "bridge/config/ptp4l_options.h"

#include <cstdlib>
#include <limits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace bridge {
namespace {

using Kind = Ptp4lOption::Kind;
constexpr unsigned kGlobal = 0;
constexpr unsigned kPort = Ptp4lOption::kOfPort;
constexpr unsigned k4 = Ptp4lOption::kSince4;
constexpr unsigned kMatters = Ptp4lOption::kMatters;
constexpr unsigned kOfMaster = Ptp4lOption::kMattersOfMaster;

constexpr double kIntMin = std::numeric_limits<int>::min();
constexpr double kIntMax = std::numeric_limits<int>::max();
constexpr double kHuge = std::numeric_limits<double>::max();

// ---- Why an option is left out.

constexpr const char* kTranslated = nullptr;
constexpr char kServo[] = "servo: refclockd has its own";
constexpr char kFilter[] = "filter: refclockd has its own";
constexpr char kClaim[] = "a master's claim: refclockd as a master earns its own";
constexpr char kMaster[] = "a master's, no counterpart";
constexpr char kLog[] = "logging: refclockd has its own";
constexpr char kFault[] = "faults: refclockd tries again by itself";
constexpr char kAsWire[] = "no counterpart: what the master sends counts";
constexpr char kSteps[] =
    "a master's, with hardware time stamps; a client takes one step and two";
constexpr char kNoRequest[] = "no counterpart: refclockd requests no intervals";
constexpr char kGptp[] = "802.1AS: refclockd has no profile for it";
constexpr char kUnicast[] = "unicast: refclockd is multicast only";
constexpr char kAddress[] = "no counterpart: refclockd sends to the standard address";
constexpr char kBestMaster[] = "no counterpart: refclockd elects as IEEE 1588 says";
constexpr char kTransparent[] = "a transparent clock's: refclockd is none";
constexpr char kPower[] = "power profile: refclockd has none";
constexpr char kManagement[] = "management: refclockd answers no pmc";
constexpr char kSecurity[] = "authentication: not in refclockd";
constexpr char kCmlds[] = "common mean link delay service: not in refclockd";
constexpr char kTs2phc[] = "ts2phc's, not ptp4l's";
constexpr char kPriority[] = "no counterpart: refclockd marks no packets";
constexpr char kTxStamp[] = "no counterpart: refclockd waits for no transmit stamp";
constexpr char kPtp4lOnly[] = "no counterpart";

// ---- Kinds of rows.

Ptp4lOption Whole(const char* name, const char* fallback, double low, double high,
                  unsigned traits, const char* why) {
  return {name, Kind::kWhole, low, high, "", fallback, traits, why};
}
Ptp4lOption Real(const char* name, const char* fallback, double low, double high,
                 const char* why) {
  return {name, Kind::kReal, low, high, "", fallback, kGlobal, why};
}
Ptp4lOption Word(const char* name, const char* fallback, const char* words,
                 unsigned traits, const char* why) {
  return {name, Kind::kWord, 0, 0, words, fallback, traits, why};
}
Ptp4lOption Text(const char* name, const char* fallback, unsigned traits,
                 const char* why) {
  return {name, Kind::kText, 0, 0, "", fallback, traits, why};
}
Ptp4lOption Switch(const char* name, const char* fallback, unsigned traits,
                   const char* why) {
  return Whole(name, fallback, 0, 1, traits, why);
}
Ptp4lOption Octet(const char* name, const char* fallback, unsigned traits,
                  const char* why) {
  return Whole(name, fallback, 0, 255, traits, why);
}
Ptp4lOption Log2(const char* name, const char* fallback, const char* why) {
  return Whole(name, fallback, -128, 127, kPort, why);
}

std::vector<Ptp4lOption> Following() {
  return {
      Switch("clientOnly", "0", k4, kTranslated),
      Switch("serverOnly", "0", kPort | k4, kTranslated),
      Octet("domainNumber", "0", kGlobal, kTranslated),
      Word("network_transport", "UDPv4", "L2 UDPv4 UDPv6", kPort, kTranslated),
      Word("delay_mechanism", "E2E", "Auto COMMON_P2P E2E P2P NONE", kPort,
           kTranslated),
      Word("time_stamping", "hardware", "hardware software legacy onestep p2p1step",
           kGlobal, kTranslated),
      Log2("logAnnounceInterval", "1", kTranslated),
      Log2("logMinDelayReqInterval", "0", kTranslated),
      Log2("logMinPdelayReqInterval", "0", kTranslated),
      Whole("announceReceiptTimeout", "3", 2, 255, kPort, kTranslated),
      Whole("delayAsymmetry", "0", kIntMin, kIntMax, kPort, kTranslated),
      Whole("ingressLatency", "0", kIntMin, kIntMax, kPort, kTranslated),
      Whole("egressLatency", "0", kIntMin, kIntMax, kPort, kTranslated),
      Switch("ptp_minor_version", "1", k4, kTranslated),
      Whole("clock_class_threshold", "248", 6, 248, k4, kTranslated),
      Whole("phc_index", "-1", -1, kIntMax, kPort | k4, kTranslated),
      Switch("free_running", "0", kGlobal, kTranslated),
      Word("clock_servo", "pi", "pi linreg ntpshm nullf refclock_sock", kGlobal,
           kTranslated),
      Whole("ntpshm_segment", "0", kIntMin, kIntMax, kGlobal, kTranslated),
      Text("refclock_sock_address", "/var/run/refclock.ptp.sock", k4, kTranslated),
      Text("leapfile", "", kGlobal, kTranslated),
      Text("uds_address", "/var/run/ptp4l", kGlobal, kTranslated),
      Text("uds_ro_address", "/var/run/ptp4lro", k4, kTranslated),
      Switch("boundary_clock_jbod", "0", kPort, kTranslated),

      Log2("logSyncInterval", "0", kTranslated),
      Log2("operLogSyncInterval", "0", kNoRequest),
      Log2("operLogPdelayReqInterval", "0", kNoRequest),
      Switch("msg_interval_request", "0", kPort, kNoRequest),
      Switch("twoStepFlag", "1", kGlobal, kSteps),
      Switch("assume_two_step", "0", kMatters, kAsWire),
      Switch("check_fup_sync", "0", kGlobal, kFilter),
      Octet("syncReceiptTimeout", "0", kPort, kAsWire),
      Octet("delay_response_timeout", "0", kPort | k4, kFault),
      Switch("inhibit_delay_req", "0", kPort | kMatters, kPtp4lOnly),
      Switch("ignore_source_id", "0", kPort | kMatters, kPtp4lOnly),
      Whole("tx_timestamp_timeout", "10", 1, kIntMax, kGlobal, kTxStamp),
      Word("hwts_filter", "normal", "normal check full", kGlobal, kPtp4lOnly),
      Whole("utc_offset", "", 0, kIntMax, kGlobal,  // Default: TAI-UTC of its release.
            "no counterpart: see [utc], two sources have to agree"),
      Whole("maxStepsRemoved", "255", 2, 255, kMatters, kBestMaster),
      Word("dataset_comparison", "ieee1588", "ieee1588 G.8275.x", kMatters,
           kBestMaster),
      Word("BMCA", "ptp", "ptp noop", kPort | kMatters, kBestMaster),
      Whole("G.8275.defaultDS.localPriority", "128", 1, 255, kGlobal, kBestMaster),
      Whole("G.8275.portDS.localPriority", "128", 1, 255, kPort, kBestMaster),
  };
}

std::vector<Ptp4lOption> Leading() {
  return {
      Octet("priority1", "128", kGlobal, kTranslated),
      Octet("priority2", "128", kGlobal, kTranslated),
      Octet("clockClass", "248", kGlobal, kClaim),
      Octet("clockAccuracy", "0xfe", kGlobal, kClaim),
      Whole("offsetScaledLogVariance", "0xffff", 0, 65535, kGlobal, kClaim),
      Whole("timeSource", "0xa0", 0x10, 0xfe, kGlobal, kClaim),
      Switch("gmCapable", "1", kOfMaster, kMaster),
      Switch("inhibit_announce", "0", kPort | kOfMaster, kMaster),
      Switch("interface_rate_tlv", "0", kPort | k4 | kOfMaster, kMaster),
      Word("clock_type", "OC", "OC BC P2P_TC E2E_TC", kMatters, kTransparent),
      Switch("tc_spanning_tree", "0", kGlobal, kTransparent),
  };
}

std::vector<Ptp4lOption> OnTheWire() {
  return {
      Whole("transportSpecific", "0", 0, 15, kPort | kMatters, kGptp),
      Switch("ignore_transport_specific", "0", kPort | kMatters, kGptp),
      Switch("follow_up_info", "0", kPort | kOfMaster, kGptp),
      Switch("path_trace_enabled", "0", kPort | kOfMaster, kGptp),
      Word("asCapable", "auto", "true auto", kPort, kGptp),
      Whole("allowedLostResponses", "3", 1, 255, kPort | k4, kGptp),
      Whole("neighborPropDelayThresh", "20000000", 0, kIntMax, kPort, kGptp),
      Whole("min_neighbor_prop_delay", "-20000000", kIntMin, -1, kPort, kGptp),
      Whole("unicast_master_table", "0", 0, kIntMax, kPort | kMatters, kUnicast),
      Whole("unicast_req_duration", "3600", 10, kIntMax, kPort, kUnicast),
      Switch("unicast_listen", "0", kPort | kOfMaster, kUnicast),
      Switch("hybrid_e2e", "0", kPort | kMatters, kUnicast),
      Switch("inhibit_multicast_service", "0", kPort | kMatters, kUnicast),
      Switch("net_sync_monitor", "0", kPort, kUnicast),
      Text("ptp_dst_mac", "01:1B:19:00:00:00", kPort | kMatters, kAddress),
      Text("p2p_dst_mac", "01:80:C2:00:00:0E", kPort | kMatters, kAddress),
      Text("ptp_dst_ipv4", "224.0.1.129", kPort | k4 | kMatters, kAddress),
      Text("p2p_dst_ipv4", "224.0.0.107", kPort | k4 | kMatters, kAddress),
      Text("ptp_dst_ipv6", "FF0E:0:0:0:0:0:0:181", kPort | k4 | kMatters, kAddress),
      Text("p2p_dst_ipv6", "FF02:0:0:0:0:0:0:6B", kPort | k4 | kMatters, kAddress),
      Whole("udp6_scope", "0x0E", 0, 15, kPort | kMatters, kAddress),
      Whole("udp_ttl", "1", 1, 255, kPort | kMatters,
            "no counterpart: what refclockd sends is not routed"),
      Whole("dscp_event", "0", 0, 63, kGlobal, kPriority),
      Whole("dscp_general", "0", 0, 63, kGlobal, kPriority),
      Whole("socket_priority", "0", 0, 15, kGlobal, kPriority),
      Word("power_profile.version", "none", "none 2011 2017", kPort | k4 | kOfMaster,
           kPower),
      Whole("power_profile.2011.grandmasterTimeInaccuracy", "-1", -1, kIntMax,
            kPort | k4, kPower),
      Whole("power_profile.2011.networkTimeInaccuracy", "-1", -1, kIntMax, kPort | k4,
            kPower),
      Whole("power_profile.2017.totalTimeInaccuracy", "-1", -1, kIntMax, kPort | k4,
            kPower),
      Whole("power_profile.grandmasterID", "0", 0, 65535, kPort | k4, kPower),
      Text("sa_file", "", k4 | kMatters, kSecurity),
      Whole("spp", "-1", -1, 255, kPort | k4 | kMatters, kSecurity),
      Whole("active_key_id", "0", 0, 4294967295.0, kPort | k4 | kMatters, kSecurity),
      Whole("allow_unauth", "0", 0, 2, kPort | k4, kSecurity),
      Text("cmlds.client_address", "/var/run/cmlds_client", kPort | k4, kCmlds),
      Octet("cmlds.domainNumber", "0", kPort | k4, kCmlds),
      Whole("cmlds.majorSdoId", "2", 0, 15, kPort | k4, kCmlds),
      Whole("cmlds.port", "0", 0, 65535, kPort | k4, kCmlds),
      Text("cmlds.server_address", "/var/run/cmlds_server", kPort | k4, kCmlds),
  };
}

std::vector<Ptp4lOption> ClockAndServo() {
  return {
      Real("first_step_threshold", "0.00002", 0, kHuge, kServo),
      Real("step_threshold", "0", 0, kHuge, kServo),
      Whole("step_window", "0", 0, kIntMax, k4, kServo),
      Whole("max_frequency", "900000000", 0, kIntMax, kGlobal, kServo),
      Whole("sanity_freq_limit", "200000000", 0, kIntMax, kGlobal, kServo),
      Real("pi_proportional_const", "0", 0, kHuge, kServo),
      Real("pi_proportional_scale", "0", 0, kHuge, kServo),
      Real("pi_proportional_exponent", "-0.3", -kHuge, kHuge, kServo),
      Real("pi_proportional_norm_max", "0.7", std::numeric_limits<double>::min(), 1,
           kServo),
      Real("pi_integral_const", "0", 0, kHuge, kServo),
      Real("pi_integral_scale", "0", 0, kHuge, kServo),
      Real("pi_integral_exponent", "0.4", -kHuge, kHuge, kServo),
      Real("pi_integral_norm_max", "0.3", std::numeric_limits<double>::min(), 2,
           kServo),
      Whole("servo_num_offset_values", "10", 0, kIntMax, kGlobal, kServo),
      Whole("servo_offset_threshold", "0", 0, kIntMax, kGlobal, kServo),
      Switch("write_phase_mode", "0", kGlobal, kServo),
      Switch("kernel_leap", "1", kGlobal, kServo),
      Whole("initial_delay", "0", 0, kIntMax, kGlobal, kFilter),
      Whole("freq_est_interval", "1", kIntMin, kIntMax, kPort, kFilter),
      Word("delay_filter", "moving_median", "moving_average moving_median", kPort,
           kFilter),
      Whole("delay_filter_length", "10", 1, kIntMax, kPort, kFilter),
      Word("tsproc_mode", "filter", "filter raw filter_weight raw_weight", kPort,
           kFilter),
      Whole("fault_badpeernet_interval", "16", kIntMin, kIntMax, kPort, kFault),
      Log2("fault_reset_interval", "4", kFault),
  };
}

std::vector<Ptp4lOption> Housekeeping() {
  return {
      Whole("summary_interval", "0", kIntMin, kIntMax, kGlobal, kLog),
      Whole("logging_level", "6", 0, 7, kGlobal, kLog),
      Text("message_tag", "", kGlobal, kLog),
      Switch("use_syslog", "1", kGlobal, kLog),
      Switch("verbose", "0", kGlobal, kLog),
      Text("clockIdentity", "000000.0000.000000", kGlobal,
           "no counterpart: made from the interface's address"),
      Text("productDescription", ";;", kGlobal, kManagement),
      Text("revisionData", ";;", kGlobal, kManagement),
      Text("manufacturerIdentity", "00:00:00", kGlobal, kManagement),
      Text("userDescription", "", kGlobal, kManagement),
      Text("slave_event_monitor", "", kGlobal, kManagement),
      Whole("uds_file_mode", "0660", 0, 0777, kPort | k4, kManagement),
      Whole("uds_ro_file_mode", "0666", 0, 0777, kPort | k4, kManagement),
      Text("user", "", k4, "no counterpart: the service's unit names the user"),
      Switch("ts2phc.master", "0", kPort, kTs2phc),
      Whole("ts2phc.channel", "0", 0, kIntMax, kPort, kTs2phc),
      Whole("ts2phc.extts_correction", "0", kIntMin, kIntMax, kPort, kTs2phc),
      Word("ts2phc.extts_polarity", "rising", "rising falling both", kPort, kTs2phc),
      Whole("ts2phc.holdover", "0", 0, kIntMax, kPort | k4, kTs2phc),
      Whole("ts2phc.nmea_baudrate", "9600", 300, kIntMax, kPort | k4, kTs2phc),
      Whole("ts2phc.nmea_delay", "0", kIntMin, kIntMax, kPort | k4, kTs2phc),
      Text("ts2phc.nmea_remote_host", "", kGlobal, kTs2phc),
      Text("ts2phc.nmea_remote_port", "", kGlobal, kTs2phc),
      Text("ts2phc.nmea_serialport", "/dev/ttyS0", kGlobal, kTs2phc),
      Whole("ts2phc.perout_phase", "-1", 0, 999999999, kPort | k4, kTs2phc),
      Whole("ts2phc.pin_index", "0", 0, kIntMax, kPort, kTs2phc),
      Whole("ts2phc.pulsewidth", "500000000", 1000000, 999000000, kGlobal, kTs2phc),
      Text("ts2phc.tod_source", "generic", k4, kTs2phc),
  };
}

// Former names, which ptp4l still takes.
struct Renamed {
  const char* from;
  const char* to;
};
constexpr Renamed kRenamed[] = {
    {"slaveOnly", "clientOnly"},
    {"masterOnly", "serverOnly"},
    {"pi_offset_const", "step_threshold"},
    {"pi_f_offset_const", "first_step_threshold"},
    {"pi_max_frequency", "max_frequency"},
};

std::string Range(const Ptp4lOption& option) {
  constexpr double kLargestShown = 1e12;
  if (option.high > kLargestShown) {
    return option.low < -kLargestShown ? "a number"
                                       : absl::StrCat("a number from ", option.low);
  }
  if (option.low == kIntMin && option.high == kIntMax) return "a whole number";
  if (option.kind == Kind::kReal) {
    return absl::StrCat("a number to ", option.high);
  }
  return absl::StrCat(static_cast<int64_t>(option.low), " to ",
                      static_cast<int64_t>(option.high));
}

}  // namespace

std::span<const Ptp4lOption> Ptp4lOptions() {
  static const auto* const options = [] {
    auto* all = new std::vector<Ptp4lOption>;
    for (const auto& part :
         {Following(), Leading(), OnTheWire(), ClockAndServo(), Housekeeping()}) {
      all->insert(all->end(), part.begin(), part.end());
    }
    return all;
  }();
  return *options;
}

const Ptp4lOption* FindPtp4lOption(absl::string_view name) {
  for (const Renamed& renamed : kRenamed) {
    if (name == renamed.from) name = renamed.to;
  }
  for (const Ptp4lOption& option : Ptp4lOptions()) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

std::optional<double> Ptp4lNumber(const Ptp4lOption& option, absl::string_view value) {
  const std::string text(value);
  char* end = nullptr;
  const double number = option.kind == Kind::kReal
                            ? std::strtod(text.c_str(), &end)
                            : static_cast<double>(std::strtoll(text.c_str(), &end, 0));
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string Ptp4lRefusal(const Ptp4lOption& option, absl::string_view value) {
  // The two fault intervals know a word.
  if (absl::StartsWith(option.name, "fault_") &&
      absl::EqualsIgnoreCase(value, "ASAP")) {
    return "";
  }
  switch (option.kind) {
    case Kind::kText:
      return "";
    case Kind::kWord: {
      const std::vector<absl::string_view> words = absl::StrSplit(option.words, ' ');
      for (const absl::string_view word : words) {
        if (absl::EqualsIgnoreCase(word, value)) return "";
      }
      return absl::StrJoin(words, " or ");
    }
    case Kind::kWhole:
    case Kind::kReal: {
      const auto number = Ptp4lNumber(option, value);
      if (number && *number >= option.low && *number <= option.high) return "";
      return Range(option);
    }
  }
  return "";
}

bool IsPtp4lDefault(const Ptp4lOption& option, absl::string_view value) {
  const auto number = Ptp4lNumber(option, value);
  if (option.kind == Kind::kText || option.kind == Kind::kWord || !number) {
    return absl::EqualsIgnoreCase(value, option.fallback);
  }
  return number == Ptp4lNumber(option, option.fallback);
}

}  // namespace bridge
