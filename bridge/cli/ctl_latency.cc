// refclockctl latency: where the time of PTP messages goes, between the NIC and the
// program.
#include "bridge/cli/ctl_latency.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/os/clocks.h"
#include "bridge/os/hardware_stamps.h"
#include "bridge/os/latency_meter.h"
#include "bridge/os/phc_device.h"
#include "bridge/os/status_client.h"
#include "bridge/time/waiting.h"

namespace bridge::ctl {
namespace {

constexpr Flag kFlags[] = {
    {"socket", "PATH", "the daemon's status socket"},
    {"config", "FILE", "take status.socket from this configuration"},
    {"interface", "NAME", "watch this interface, whatever PTP program uses it"},
    {"seconds", "N", "with --interface: how long; default 10"},
    {"watch", nullptr, "again and again, until interrupted"},
    {"from", "FILE", "show this report; - is standard input"},
    {"compare", nullptr, "what a change did: BEFORE.json AFTER.json"},
    {"plot", "FILE", "write a picture (SVG), of one report or of both"},
    {"json", nullptr, "the report, or the comparison, as JSON"},
    {"detail", nullptr, "each message type and transport by itself, too"},
    {"ascii", nullptr, "no characters beyond ASCII"},
};

constexpr char kHelp[] =
    "refclockctl latency [--watch]                of a daemon with ebpf.enable\n"
    "refclockctl latency --interface=NAME [--seconds=N | --watch]\n"
    "                                             by itself: needs root\n"
    "refclockctl latency --from=FILE [--plot=FILE] [--json] [--detail] [--ascii]\n"
    "refclockctl latency --compare BEFORE.json AFTER.json [--plot=FILE] "
    "[--json]\n\n%s\n"
    "A FILE holds a report, or a daemon's status with one in it.\n"
    "Exit code 1 when a comparison finds something worse or nothing was measured, 2\n"
    "when a FILE is no use.\n";

absl::StatusOr<LatencyReport> Load(const std::string& path) {
  const auto text = ReadFile(path == "-" ? "/dev/stdin" : path);
  if (!text.ok()) return text.status();
  auto report = ReadLatency(*text);
  if (report.ok()) return report;
  return absl::Status(report.status().code(),
                      absl::StrCat(path == "-" ? "standard input" : path, ": ",
                                   report.status().message()));
}

bool Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file.good();
}

int WritePlot(const std::string& path, std::span<const NamedLatency> reports) {
  if (Write(path, LatencyPlot(reports))) return kGood;
  return Complain(kBad,
                  absl::StrCat(path, " can't be written: ", std::strerror(errno)));
}

int Compare(const std::vector<std::string>& files, const LatencyView& view) {
  if (files.size() != 2) {
    return Complain(kWrongUse,
                    absl::StrCat("latency --compare wants two files, BEFORE.json "
                                 "AFTER.json; here are ",
                                 files.size()));
  }
  const auto before = Load(files[0]);
  if (!before.ok()) return Complain(kWrongUse, before.status().message());
  const auto after = Load(files[1]);
  if (!after.ok()) return Complain(kWrongUse, after.status().message());
  const NamedLatency both[] = {{files[0], &*before}, {files[1], &*after}};
  const auto comparison = CompareLatency(both[0], both[1], view.style);
  if (!comparison.ok()) return Complain(kWrongUse, comparison.status().message());
  absl::PrintF("%s", view.json ? comparison->json + "\n" : comparison->text);
  if (view.plot && WritePlot(*view.plot, both) != kGood) return kBad;
  return comparison->worse ? kBad : kGood;
}

// Shows what `next` gives; again and again with `watch`.
int Show(bool watch, const LatencyView& view,
         absl::FunctionRef<absl::StatusOr<LatencyReport>()> next) {
  while (true) {
    const auto report = next();
    if (!report.ok()) return Complain(kBad, report.status().message());
    if (watch && isatty(STDOUT_FILENO)) absl::PrintF("\033[H\033[2J");
    const int code = Render(*report, view);
    if (!watch || code != kGood) return code;
    std::fflush(stdout);
  }
}

// Of the daemon: what it has measured since it began.
int OfDaemon(const Arguments& arguments, bool watch, const LatencyView& view) {
  const auto socket = SocketPath(arguments);
  if (!socket.ok()) return Complain(kWrongUse, socket.status().message());
  bool first = true;
  return Show(watch, view, [&]() -> absl::StatusOr<LatencyReport> {
    if (!std::exchange(first, false)) sleep(1);
    const auto text = os::ReadStatus(*socket);
    if (!text.ok()) return text.status();
    return ReadLatency(*text);
  });
}

// By probes of our own: of each stretch of time what came in it.
int OfInterface(const std::string& name, int seconds, bool watch,
                const LatencyView& view) {
  if (if_nametoindex(name.c_str()) == 0) {
    return Complain(kWrongUse, absl::StrCat("latency: there is no interface ", name));
  }
  os::LatencyMeter meter({.interface = name, .other_programs = true});
  for (const ebpf::Refusal& refusal : meter.refusals()) {
    absl::FPrintF(stderr, "refclockctl: %s\n", refusal.text);
  }
  if (meter.tier() == ebpf::Tier::kNone) {
    return Complain(kBad, "latency: no hook in the kernel could be had");
  }
  std::unique_ptr<os::PhcDevice> phc;
  const auto stamps = os::ReadHardwareStamps(name);
  if (stamps.ok() && stamps->phc_index >= 0) {
    auto opened = os::PhcDevice::Open(absl::StrCat("/dev/ptp", stamps->phc_index));
    if (opened.ok()) phc = *std::move(opened);
  }
  return Show(watch, view, [&]() -> absl::StatusOr<LatencyReport> {
    meter.Clear(os::MonoNow());
    const MonoTime end = os::MonoNow() + absl::Seconds(seconds);
    while (os::MonoNow() < end) {
      if (phc) {
        if (const auto reading = phc->Read(); reading.ok())
          meter.OnPhcReading(*reading);
      }
      usleep(200'000);
      meter.Drain(os::MonoNow());
    }
    return meter.Report(os::MonoNow(), {});
  });
}

}  // namespace

LatencyStyle TerminalStyle() {
  LatencyStyle style;
  winsize size{};
  size_t columns = 0;
  const char* told = std::getenv("COLUMNS");
  if (told && absl::SimpleAtoi(told, &columns) && columns > 0) {
    style.width = columns;
  } else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = size.ws_col;
  }
  // As the C library chooses the locale's characters.
  const char* locale = "";
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (!value || *value == '\0') continue;
    locale = value;
    break;
  }
  const std::string upper = absl::AsciiStrToUpper(locale);
  style.ascii = !absl::StrContains(upper, "UTF-8") && !absl::StrContains(upper, "UTF8");
  return style;
}

int Render(const LatencyReport& report, const LatencyView& view) {
  absl::PrintF("%s",
               view.json ? report.ToJson() + "\n" : LatencyText(report, view.style));
  const NamedLatency one[] = {{report.interface, &report}};
  return view.plot ? WritePlot(*view.plot, one) : kGood;
}

int Latency(Words words) {
  const auto arguments = Arguments::Parse(words, kFlags);
  if (!arguments.ok()) return Complain(kWrongUse, arguments.status().message());
  if (arguments->Has("help")) {
    absl::PrintF(kHelp, FlagHelp(kFlags));
    return kGood;
  }
  LatencyView view{arguments->Has("json"), arguments->Get("plot"), TerminalStyle()};
  view.style.ascii |= arguments->Has("ascii");
  view.style.detail = arguments->Has("detail");
  const auto from = arguments->Get("from");
  const auto interface = arguments->Get("interface");
  const bool compare = arguments->Has("compare");
  if (compare + from.has_value() + interface.has_value() > 1) {
    return Complain(kWrongUse,
                    "latency: --from, --compare and --interface exclude each other");
  }
  if (compare) return Compare(arguments->words(), view);
  if (!arguments->words().empty()) {
    return Complain(kWrongUse, absl::StrCat("latency: \"", arguments->words()[0],
                                            "\" is not a flag; see --help"));
  }
  const bool watch = arguments->Has("watch");
  int seconds = watch ? 2 : 10;
  if (const auto told = arguments->Get("seconds");
      told && (!absl::SimpleAtoi(*told, &seconds) || seconds < 1 || seconds > 86'400)) {
    return Complain(kWrongUse, absl::StrCat("latency: --seconds=", *told,
                                            " is out of range: 1 to 86400"));
  }
  if (interface) return OfInterface(*interface, seconds, watch, view);
  if (!from) return OfDaemon(*arguments, watch, view);
  const auto report = Load(*from);
  if (!report.ok()) return Complain(kWrongUse, report.status().message());
  return Render(*report, view);
}

}  // namespace bridge::ctl
