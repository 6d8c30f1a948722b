// bridge/config/config.h
//
// The configuration as the daemon uses it: typed, validated, complete. Made by
// LoadConfig (config_file.h) from a file, --set and defaults; one option table
// (option_table.h) feeds the parser, --help, `refclockctl explain options` and
// the example file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/time/time_delta.h"
#include "bridge/time/utc_authority.h"

namespace bridge {

// Only what this version does: an option that does nothing is not accepted.
enum class Role { kClient, kCompanion, kGrandmaster, kAuto };
enum class Transport { kL2, kUdp4, kUdp6 };
enum class Timestamping { kAuto, kHardware, kSoftware };
enum class DelayChoice { kE2E, kP2P };
enum class PhcMode { kDiscipline, kObserve };
enum class GrandmasterSource { kSystem, kPhc };
enum class OneStepUse { kOff, kAuto };
enum class EbpfUse { kOff, kAuto, kRequired };

// With grandmaster.source "phc" LoadConfig makes timestamping hardware and phc.mode
// observe.
struct Config {
  Role role = Role::kClient;

  struct Ptp {
    std::string interface;
    Transport transport = Transport::kL2;
    DelayChoice delay = DelayChoice::kE2E;
    int domain = 0;
    Timestamping timestamping = Timestamping::kAuto;
    std::optional<int> minor_version;  // Nothing: auto.
    int announce_interval = 1;         // log2 s, until the wire tells another.
    int delay_interval = 0;            // Likewise.
    int sync_interval = 0;             // log2 s, of a grandmaster's own Syncs.
    int priority1 = 128;               // A grandmaster's own, as the next.
    int priority2 = 128;
    int announce_receipt_timeout = 3;
    TimeDelta delay_asymmetry;
    std::optional<TimeDelta> asymmetry_bound;  // Nothing: auto.
    TimeDelta ingress_latency;                 // Wire to stamp.
    TimeDelta egress_latency;                  // Stamp to wire.
    std::vector<uint64_t> allowed_masters;     // Clock identities.
    std::optional<int> max_clock_class;        // 255: any. Nothing: auto.
    int max_clock_accuracy = 255;              // 255: any.
  } ptp;

  struct Phc {
    std::string device = "auto";  // Or "/dev/ptp0": of the interface.
    PhcMode mode = PhcMode::kDiscipline;
  } phc;

  // Where the ptp4l is that a companion stands beside.
  struct Companion {
    std::string socket = "auto";  // Or the path of its management socket.
  } companion;

  // Roles grandmaster and auto.
  struct Grandmaster {
    GrandmasterSource source = GrandmasterSource::kSystem;
    TimeDelta holdover = TimeDelta::FromSeconds(600);         // Of class 7, at most.
    TimeDelta max_holdover_error = TimeDelta::FromMicros(1);  // Likewise; of drift.
    OneStepUse one_step = OneStepUse::kOff;
  } grandmaster;
  struct Gnss {
    std::string gpsd;  // host:port; empty: no GNSS watch, and never class 6.
  } gnss;

  struct Utc {
    UtcPolicy policy = UtcPolicy::kAgree;
    std::optional<int> pin;  // TAI-UTC, seconds. Present with kPin, only then.
    std::string leap_file = "/usr/share/zoneinfo/leap-seconds.list";
    ArbitraryTimescale arbitrary_timescale = ArbitraryTimescale::kRefuse;
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

  // A [[port]] table: another place to hear PTP, or another ptp4l, with [ptp], [phc]
  // and [companion] as far as the table does not override them, and outputs of its own.
  struct Port {
    Ptp ptp;
    Phc phc;
    Companion companion;
    std::vector<Shm> shm;
    std::vector<Sock> sock;
  };
  // Empty: the one port of `ptp`, `phc` and `output`. Otherwise `ptp` and the like are
  // the ports' defaults, and `output.shm` and `output.sock` are empty.
  std::vector<Port> ports;

  struct Status {
    std::string socket = "/run/refclockd/status.sock";
  } status;

  struct Ebpf {
    // Required: not having any hooks in the kernel is an error.
    EbpfUse enable = EbpfUse::kOff;
  } ebpf;

  struct Realtime {
    int priority = 0;
    bool lock_memory = false;
  } realtime;
};

// A grandmaster that serves what a PHC shows, which is not ours to steer.
inline bool ServesPhc(const Config& config) {
  return (config.role == Role::kGrandmaster || config.role == Role::kAuto) &&
         config.grandmaster.source == GrandmasterSource::kPhc;
}

inline constexpr size_t kMostPorts = 8;

// What each port does, as a configuration of one port: at least one, none of which
// has `ports`.
std::vector<Config> PortConfigs(const Config& config);

}  // namespace bridge
