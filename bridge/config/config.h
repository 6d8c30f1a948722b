// bridge/config/config.h
//
// The configuration as the daemon uses it: typed, validated, complete. Made by
// LoadConfig (config_file.h) from a file, --set and defaults; one option table
// (option_table.h) feeds the parser, --help, `refclockctl explain options` and
// the example file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/time/time_delta.h"

namespace bridge {

enum class Role { kClient, kGrandmaster, kAuto, kCompanion };
enum class Transport { kL2, kUdp4, kUdp6 };
enum class Timestamping { kAuto, kHardware, kSoftware };
enum class DelayChoice { kE2E, kP2P };
enum class PhcMode { kDiscipline, kObserve };
enum class UtcPolicyChoice { kAgree, kTrustGrandmaster, kPin };
enum class ArbitraryChoice { kRefuse, kUtc, kTai };

struct Config {
  Role role = Role::kClient;

  struct Ptp {
    std::string interface;
    Transport transport = Transport::kL2;
    DelayChoice delay = DelayChoice::kE2E;
    int domain = 0;
    Timestamping timestamping = Timestamping::kAuto;
    std::optional<int> minor_version;  // Nothing: auto.
    int announce_interval = 1;         // log2 s
    int sync_interval = 0;             // log2 s; what a grandmaster sends.
    int delay_interval = 0;            // log2 s
    int announce_receipt_timeout = 3;
    int priority1 = 128;
    int priority2 = 128;
    TimeDelta delay_asymmetry;
    std::optional<TimeDelta> asymmetry_bound;  // Nothing: auto.
    std::vector<uint64_t> allowed_masters;     // Clock identities.
  } ptp;

  struct Phc {
    std::string device = "auto";
    PhcMode mode = PhcMode::kDiscipline;
  } phc;

  struct Utc {
    UtcPolicyChoice policy = UtcPolicyChoice::kAgree;
    std::optional<int> pin;
    std::string leap_file = "/usr/share/zoneinfo/leap-seconds.list";
    ArbitraryChoice arbitrary_timescale = ArbitraryChoice::kRefuse;
  } utc;

  struct Shm {
    int unit = 2;
    int mode = 0600;
  };
  struct Sock {
    std::string path;
  };
  struct Output {
    TimeDelta max_error = TimeDelta::FromMillis(1);
    double rate = 1;  // Samples per second at most, per output.
    std::vector<Shm> shm;
    std::vector<Sock> sock;
  } output;

  struct Status {
    std::string socket = "/run/refclockd/status.sock";
  } status;

  struct Realtime {
    int priority = 0;
    bool lock_memory = false;
  } realtime;
};

}  // namespace bridge
