// Follows a gpsd and prints each change of GnssWatch as a line of JSON:
//
//   gnss_probe host:port[:device] MAX_AGE SETTLE MAX_JUMP     (durations: "8s")
//
// Until SIGTERM, or until its standard output is closed.
#include <poll.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/os/clocks.h"
#include "bridge/os/gpsd_client.h"
#include "bridge/source/gnss_watch.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

bool Print(const GnssStatus& status, const os::GpsdClient& client) {
  const std::string device(status.device);
  std::printf(
      "{\"state\":\"%s\",\"reason\":\"%s\",\"device\":\"%s\","
      "\"satellites\":%d,\"lines\":%llu,\"unreadable\":%llu}\n",
      GnssStateName(status.state), TextOf(status.reason).name, device.c_str(),
      status.satellites.value_or(-1),
      static_cast<unsigned long long>(client.counters().lines),
      static_cast<unsigned long long>(client.counters().unreadable));
  return std::fflush(stdout) == 0;
}

void Follow(os::GpsdClient& client, const GnssWatch::Settings& settings) {
  GnssWatch watch(settings, os::MonoNow());
  GnssReason printed = GnssReason::kGood;
  std::vector<pollfd> polled;
  for (;;) {
    const MonoTime now = os::MonoNow();
    client.Serve(now, [&](const GnssReport& report) { watch.OnReport(report, now); });
    watch.Update(now);
    if (watch.reason() != printed && !Print(watch.Status(), client)) return;
    printed = watch.reason();
    polled.clear();
    client.AppendPollFds(polled);
    poll(polled.data(), polled.size(), 200);
  }
}

int Main(int argc, char** argv) {
  GnssWatch::Settings settings;
  if (argc != 5 || !absl::ParseDuration(argv[2], &settings.max_age) ||
      !absl::ParseDuration(argv[3], &settings.settle) ||
      !absl::ParseDuration(argv[4], &settings.max_jump)) {
    std::fputs("gnss_probe host:port[:device] MAX_AGE SETTLE MAX_JUMP\n", stderr);
    return 2;
  }
  const auto client = os::GpsdClient::Open(argv[1]);
  if (!client.ok()) {
    std::fprintf(stderr, "%s\n", std::string(client.status().message()).c_str());
    return 2;
  }
  Follow(**client, settings);
  return 1;
}

}  // namespace
}  // namespace bridge

int main(int argc, char** argv) { return bridge::Main(argc, argv); }
