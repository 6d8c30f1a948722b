// refclockctl replay: what refclockd recorded, played to the engine of this version.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/engine/trace_replay.h"

namespace bridge::ctl {
namespace {

constexpr Flag kFlags[] = {
    {"samples", nullptr, "print each sample"},
    {"verbose", nullptr, "print every input and every decision"},
    {"update", nullptr, "write what this version decides into FILE"},
};

constexpr char kMayDiffer[] =
    "Another version may rightly decide otherwise. If it is meant to,\n"
    "`refclockctl replay --update FILE` writes what this one decides into the file, "
    "to\n"
    "be reviewed as a diff.\n";

// "Sync 12 of 0x001122fffe334455-1", or why it is dropped.
std::string FrameText(const trace::Frame& frame) {
  const ptp::ParseResult parsed = ptp::ParseMessage(frame.octets);
  if (const auto* reason = std::get_if<ptp::DropReason>(&parsed)) {
    return absl::StrCat(frame.octets.size(), " octets: ", ptp::DropReasonName(*reason));
  }
  const ptp::Header& header = std::get<ptp::Message>(parsed).header;
  return absl::StrCat(
      ptp::MessageTypeName(header.type), " ", header.sequence.value, " of ",
      header.source.ToString(),
      frame.received
          ? absl::StrCat(", stamped ", std::visit([](auto t) { return t.ToString(); },
                                                  *frame.received))
          : "");
}

// Prints the run while it is played.
class Story : public TraceReplay::Observer {
 public:
  Story(bool samples, bool verbose) : print_samples_(samples), verbose_(verbose) {}

  void OnRun(const trace::Header& header, const Config& config) override {
    CloseMinute();
    start_.reset();
    absl::PrintF("refclockd %s on %s, port %s, PTP domain %d\n",
                 absl::Utf8SafeCEscape(header.version), config.ptp.interface,
                 header.identity.ToString(), config.ptp.domain);
  }

  void OnTurn(const trace::Turn& turn, std::span<const Action> decisions) override {
    if (!start_) start_ = minute_from_ = turn.now;
    now_ = turn.now;
    if (now_ - minute_from_ >= TimeDelta::FromSeconds(60)) CloseMinute();
    ++minute_.inputs;
    if (verbose_) PrintInput(turn);
    for (const Action& action : decisions) OnDecision(action);
  }

  void OnDifference(const TraceReplay::Difference& difference) override {
    const auto shown = [](const std::string& text) {
      return text.empty() ? "(nothing)"
                          : std::string(absl::StripLeadingAsciiWhitespace(text));
    };
    absl::PrintF("%9.3f decided otherwise, line %d:\n  recorded: %s\n  now:      %s\n",
                 Age(), difference.line, shown(difference.recorded),
                 shown(difference.decided));
  }

  void Close() { CloseMinute(); }
  uint64_t samples() const { return samples_; }

 private:
  struct Minute {
    uint64_t inputs = 0;
    uint64_t samples = 0;
    TimeDelta least, most, bound;
  };

  double Age() const { return start_ ? (now_ - *start_).SecondsDouble() : 0; }

  // The line a recorder would write: hostile octets of a log are escaped in it.
  std::string Line(const Action& action) {
    std::string line;
    TraceWriter([&line](absl::string_view text) { line = std::string(text); }, "")
        .Decided(action);
    return line;
  }

  void PrintInput(const trace::Turn& turn) {
    if (const auto* frame = std::get_if<trace::Frame>(&turn.input)) {
      absl::PrintF("%9.3f frame %s\n", Age(), FrameText(*frame));
      return;
    }
    TraceWriter(
        [this](absl::string_view line) {
          absl::PrintF("%9.3f %s\n", Age(), line.substr(line.find(' ') + 1));
        },
        "")
        .Input(turn.now, turn.input);
  }

  void OnDecision(const Action& action) {
    const auto* publish = std::get_if<Publish>(&action);
    if (publish) OnSample(publish->sample);
    const bool log = std::holds_alternative<WriteLog>(action);
    if (!verbose_ && !log) return;
    const std::string line = Line(action);
    absl::string_view text = absl::StripLeadingAsciiWhitespace(line);
    if (log) absl::ConsumePrefix(&text, "log ");
    absl::PrintF("%9.3f %s%s\n", Age(), verbose_ ? "  " : "", text);
  }

  // One sample may go to several outputs.
  void OnSample(const RefclockSample& sample) {
    if (sample.system == last_sample_) return;
    last_sample_ = sample.system;
    ++samples_;
    const TimeDelta offset = sample.Offset();
    minute_.least = minute_.samples == 0 ? offset : std::min(minute_.least, offset);
    minute_.most = minute_.samples == 0 ? offset : std::max(minute_.most, offset);
    minute_.bound = std::max(minute_.bound, sample.error_bound);
    ++minute_.samples;
    if (!print_samples_) return;
    absl::PrintF("%9.3f sample %s offset %+.1f ns, bound %.1f ns%s\n", Age(),
                 sample.reference.ToString(), offset.NanosDouble(),
                 sample.error_bound.NanosDouble(),
                 sample.leap == LeapIndicator::kInsert   ? ", leap second inserted"
                 : sample.leap == LeapIndicator::kDelete ? ", leap second deleted"
                                                         : "");
  }

  void CloseMinute() {
    if (minute_.inputs > 0) {
      absl::PrintF("%9.3f -- %d inputs, %d samples", Age(), minute_.inputs,
                   minute_.samples);
      if (minute_.samples > 0) {
        absl::PrintF("; offset %s to %s, bound at most %s",
                     Nanoseconds(minute_.least.NanosDouble()),
                     Nanoseconds(minute_.most.NanosDouble()),
                     Nanoseconds(minute_.bound.NanosDouble()));
      }
      absl::PrintF("\n");
    }
    minute_ = {};
    minute_from_ = now_;
  }

  const bool print_samples_;
  const bool verbose_;
  std::optional<MonoTime> start_;
  MonoTime now_;
  MonoTime minute_from_;
  Minute minute_;
  uint64_t samples_ = 0;
  std::optional<UtcTime> last_sample_;
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

absl::Status Play(std::FILE* file, TraceReplay& replay) {
  std::vector<char> buffer(size_t{64} << 10);
  while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), file)) {
    const absl::Status fed = replay.Feed({buffer.data(), size});
    if (!fed.ok()) return fed;
  }
  if (std::ferror(file)) {
    return absl::InternalError(absl::StrCat("cannot be read: ", std::strerror(errno)));
  }
  return replay.Finish();
}

int Conclude(const TraceReplay::Result& result, uint64_t samples, bool update) {
  if (result.cut_short) {
    absl::PrintF("The recording was cut short: there is no end of the last run.\n");
  }
  absl::PrintF("%d inputs, %d samples; ", result.inputs, samples);
  if (!result.difference) {
    absl::PrintF("decisions as recorded\n");
    return kGood;
  }
  absl::PrintF("%d inputs decided otherwise than recorded, the first at line %d\n",
               result.different_inputs, result.difference->line);
  if (result.unasked + result.unanswered > 0) {
    absl::PrintF("(%d clock readings recorded were not asked for, %d were not there)\n",
                 result.unasked, result.unanswered);
  }
  if (update) return kGood;
  absl::PrintF("%s", kMayDiffer);
  return kBad;
}

int ReplayFile(const std::string& path, const Arguments& arguments) {
  const auto unusable = [&path](absl::string_view why) {
    return Complain(kWrongUse, absl::StrCat(path, ": ", why));
  };
  const File file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return unusable(std::strerror(errno));
  const bool update = arguments.Has("update");
  const std::string beside = path + ".new";
  File written(update ? std::fopen(beside.c_str(), "wxe") : nullptr, std::fclose);
  if (update && !written) {
    return Complain(kWrongUse, absl::StrCat(beside, ": ", std::strerror(errno)));
  }
  TraceWriter::Sink sink;
  if (update) {
    sink = [&written](absl::string_view line) {
      absl::FPrintF(written.get(), "%s\n", line);
    };
  }
  Story story(arguments.Has("samples"), arguments.Has("verbose"));
  TraceReplay replay(REFCLOCKD_VERSION, &story, std::move(sink));
  const absl::Status played = Play(file.get(), replay);
  if (played.ok()) story.Close();
  if (update) {
    const bool good = played.ok() && !std::ferror(written.get());
    if (std::fclose(written.release()) != 0 || !good ||
        std::rename(beside.c_str(), path.c_str()) != 0) {
      const int error = errno;
      std::remove(beside.c_str());
      if (played.ok()) {
        return unusable(absl::StrCat("not updated: ", std::strerror(error)));
      }
    }
  }
  if (!played.ok()) return unusable(played.message());
  return Conclude(replay.result(), story.samples(), update);
}

}  // namespace

int Replay(Words words) {
  const auto arguments = Arguments::Parse(words, kFlags);
  if (!arguments.ok()) return Complain(kWrongUse, arguments.status().message());
  if (arguments->Has("help")) {
    absl::PrintF(
        "refclockctl replay [--samples] [--verbose] [--update] FILE\n\n%s\n"
        "FILE is what refclockd --record=FILE or refclockctl simulate --record=FILE\n"
        "wrote. Exit codes: 0 decided as recorded, 1 otherwise, 2 FILE is no use.\n",
        FlagHelp(kFlags));
    return kGood;
  }
  if (arguments->words().size() != 1) {
    return Complain(kWrongUse, "replay wants one file; see replay --help");
  }
  return ReplayFile(arguments->words()[0], *arguments);
}

}  // namespace bridge::ctl
