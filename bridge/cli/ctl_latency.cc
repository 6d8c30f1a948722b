// refclockctl latency: where the time of PTP messages goes, between the NIC and the
// program.
#include "bridge/cli/ctl_latency.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"

namespace bridge::ctl {
namespace {

constexpr Flag kFlags[] = {
    {"from", "FILE", "show this report; - is standard input"},
    {"compare", nullptr, "what a change did: BEFORE.json AFTER.json"},
    {"plot", "FILE", "write a picture (SVG), of one report or of both"},
    {"json", nullptr, "the report, or the comparison, as JSON"},
    {"detail", nullptr, "each message type and transport by itself, too"},
    {"ascii", nullptr, "no characters beyond ASCII"},
};

constexpr char kHelp[] =
    "refclockctl latency --from=FILE [--plot=FILE] [--json] [--detail] [--ascii]\n"
    "refclockctl latency --compare BEFORE.json AFTER.json [--plot=FILE] "
    "[--json]\n\n%s\n"
    "A FILE holds a report, or a daemon's status with one in it.\n"
    "Exit code 1 when a comparison finds something worse, 2 when a FILE is no use.\n";

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
  if (from.has_value() == arguments->Has("compare")) {
    return Complain(kWrongUse,
                    "latency wants --from=FILE or --compare BEFORE.json AFTER.json; "
                    "see latency --help");
  }
  if (!from) return Compare(arguments->words(), view);
  if (!arguments->words().empty()) {
    return Complain(kWrongUse, absl::StrCat("latency: \"", arguments->words()[0],
                                            "\" is not a flag; see --help"));
  }
  const auto report = Load(*from);
  if (!report.ok()) return Complain(kWrongUse, report.status().message());
  return Render(*report, view);
}

}  // namespace bridge::ctl
