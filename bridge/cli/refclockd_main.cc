// The daemon's main: command line and configuration; the rest is os/daemon.
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "bridge/cli/arguments.h"
#include "bridge/cli/refclockd_options.h"
#include "bridge/os/daemon.h"

namespace {

constexpr int kGood = 0;
constexpr int kWrongUse = 2;

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words = bridge::ToWords(argc, argv);
  const auto options = bridge::ParseRefclockdOptions(words);
  if (!options.ok()) {
    std::fprintf(stderr, "refclockd: %s\n",
                 std::string(options.status().message()).c_str());
    return kWrongUse;
  }
  if (options->help) {
    std::fputs(bridge::RefclockdHelp().c_str(), stdout);
    return kGood;
  }
  if (options->version) {
    std::puts("refclockd " REFCLOCKD_VERSION);
    return kGood;
  }
  const auto loaded = bridge::LoadConfiguration(*options);
  if (const auto* errors = std::get_if<std::vector<bridge::ConfigError>>(&loaded)) {
    for (const bridge::ConfigError& error : *errors) {
      std::fprintf(stderr, "%s%s\n", error.where.empty() ? "refclockd: " : "",
                   error.ToString().c_str());
    }
    return kWrongUse;
  }
  const auto& config = std::get<bridge::Config>(loaded);
  if (options->check) {
    std::fputs(bridge::CheckSummary(*options, config).c_str(), stdout);
    return kGood;
  }
  return bridge::os::RunDaemon(
      config, {.version = REFCLOCKD_VERSION,
               .record = options->record,
               .reload = [&options] { return bridge::LoadConfiguration(*options); }});
}
