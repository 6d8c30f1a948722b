#include "bridge/engine/trace_replay.h"

#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/base/status_macros.h"
#include "bridge/config/config_file.h"

namespace bridge {
namespace {

// A leap second list of 10,000 lines is the longest there may be.
constexpr size_t kLongestLine = size_t{1} << 20;

// Gives an input to the engine.
struct ToEngine {
  Engine& engine;
  MonoTime now;
  Actions& out;

  void operator()(const trace::Link& in) const { engine.OnLink(in.up, now, out); }
  void operator()(const trace::Pair& in) const { engine.OnPair(in.pair, now, out); }
  void operator()(const trace::Frame& in) const {
    engine.OnFrame(in.octets, in.received, in.from, now, out);
  }
  void operator()(const trace::Sent& in) const {
    engine.OnTransmitted(in.token, in.sent, now, out);
  }
  void operator()(const trace::Cross& in) const {
    engine.OnCrossTimestamp(in.reading, now, out);
  }
  void operator()(const trace::Time&) const { engine.OnTime(now, out); }
  void operator()(const trace::Leaps& in) const {
    engine.OnLeapFile(*in.table, now, out);
  }
  void operator()(const trace::Kernel& in) const {
    engine.OnKernelClock(in.clock, now, out);
  }
  void operator()(const trace::Resume&) const { engine.OnResume(now, out); }
  void operator()(const trace::Adjusted& in) const {
    engine.OnPhcAdjusted(in.adjusted, now, out);
  }
  void operator()(const trace::Stop&) const { engine.Stop(now, out); }
  void operator()(const trace::Socket& in) const {
    engine.OnManagementSocket(in.socket, now, out);
  }
  void operator()(const trace::Managed& in) const {
    engine.OnManagement(in.datagram, now, out);
  }
  void operator()(const trace::Gnss& in) const { engine.OnGnss(in.report, now, out); }
  void operator()(const trace::OneStep& in) const { engine.OnOneStep(in.on, now, out); }
};

}  // namespace

TraceReplay::TraceReplay(std::string version, Observer* observer,
                         TraceWriter::Sink rewritten)
    : observer_(observer),
      rewritten_(std::move(rewritten)),
      writer_([this](absl::string_view line) { OnWritten(line); }, std::move(version)) {
}

absl::Status TraceReplay::Feed(absl::string_view piece) {
  for (size_t end = piece.find('\n'); end != absl::string_view::npos;
       end = piece.find('\n')) {
    ++line_;
    const absl::string_view line = piece.substr(0, end);
    if (partial_.empty()) {
      RETURN_IF_ERROR(OnLine(line));
    } else {
      absl::StrAppend(&partial_, line);
      RETURN_IF_ERROR(OnLine(partial_));
      partial_.clear();
    }
    piece.remove_prefix(end + 1);
  }
  absl::StrAppend(&partial_, piece);
  if (partial_.size() > kLongestLine) {
    ++line_;
    return OnLine(partial_);
  }
  return absl::OkStatus();
}

absl::Status TraceReplay::Finish() {
  if (result_.runs == 0) {
    ++line_;
    return Error(absl::InvalidArgumentError(
        "the file ends before a run begins; this is no trace, or one cut short"));
  }
  // Decisions of the last input may be missing then: no difference.
  result_.cut_short = engine_ != nullptr;
  return absl::OkStatus();
}

absl::Status TraceReplay::OnLine(absl::string_view line) {
  if (line.size() > kLongestLine) {
    return Error(absl::InvalidArgumentError(
        "the line is over 1 MiB; no line of a trace is so long"));
  }
  auto item = reader_.Read(line);
  if (!item.ok()) return Error(item.status());
  if (const auto* header = std::get_if<trace::Header>(&*item)) return OnRun(*header);
  if (const auto* turn = std::get_if<trace::Turn>(&*item)) {
    OnTurn(*turn);
  } else if (const auto* decision = std::get_if<trace::Decision>(&*item)) {
    Compare(decision->text);
  } else if (std::holds_alternative<trace::End>(*item)) {
    OnEnd();
  } else if (rewritten_ && (line.empty() || line[0] == '#')) {
    rewritten_(line);
  }
  return absl::OkStatus();
}

absl::Status TraceReplay::Error(const absl::Status& status) const {
  return absl::Status(status.code(),
                      absl::StrCat("line ", line_, ": ", status.message()));
}

// ---- A run.

absl::Status TraceReplay::OnRun(const trace::Header& header) {
  auto loaded = LoadConfig({"config", header.config, {}});
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&loaded)) {
    const ConfigError& first = errors->front();
    return Error(absl::InvalidArgumentError(absl::StrCat(
        "the configuration above is refused: ", first.what, "; ", first.right)));
  }
  const Config& config = std::get<Config>(loaded);
  if (!config.ports.empty()) {
    return Error(absl::InvalidArgumentError(
        "the configuration above is refused: [[port]]; a trace is of one port"));
  }
  ++result_.runs;
  engine_.reset();
  decided_.clear();
  matched_ = 0;
  differs_ = false;
  asked_ = 0;
  pair_.reset();
  engine_ = MakeEngine(config, header.identity, header.seed);
  engine_->set_recorder(&writer_);
  if (observer_) observer_->OnRun(header, config);
  return absl::OkStatus();
}

void TraceReplay::OnTurn(const trace::Turn& turn) {
  Settle();
  if (std::holds_alternative<trace::Cross>(turn.input)) {
    if (asked_ == 0) {
      ++result_.unasked;
      return;
    }
    --asked_;
  } else if (asked_ > 0 && turn.now > asked_at_ &&
             !std::holds_alternative<trace::Adjusted>(turn.input)) {
    AnswerAlone();  // Another answer may have come before, an input of its own not.
  }
  if (const auto* pair = std::get_if<trace::Pair>(&turn.input)) {
    pair_ = pair->pair;
    paired_at_ = turn.now;
  }
  ++result_.inputs;
  Decide(turn);
}

void TraceReplay::OnEnd() {
  Settle();
  writer_.End();
  engine_.reset();
}

void TraceReplay::Decide(const trace::Turn& turn) {
  decided_.clear();
  matched_ = 0;
  differs_ = false;
  Actions out;
  std::visit(ToEngine{*engine_, turn.now, out}, turn.input);
  for (const Action& action : out) {
    if (!std::holds_alternative<ReadCrossTimestamp>(action)) continue;
    ++asked_;
    asked_at_ = turn.now;
  }
  if (observer_) observer_->OnTurn(turn, out);
}

// The recorded engine did not ask where this one did.
void TraceReplay::AnswerAlone() {
  constexpr auto kReading = TimeDelta::FromMicros(1);
  for (size_t left = asked_; left > 0; --left) {
    ++result_.unanswered;
    trace::Cross cross;
    if (pair_ && paired_at_ == asked_at_) {
      pair_->local = pair_->local + kReading;
      pair_->system = pair_->system + kReading;
      cross.reading = ClockReading{*pair_};
    }
    Decide({asked_at_, cross});
  }
  asked_ = 0;
  decided_.clear();  // Nothing in the trace to compare it with.
}

// ---- What was decided, against what was recorded.

void TraceReplay::OnWritten(absl::string_view line) {
  if (absl::StartsWith(line, " ")) decided_.emplace_back(line);
  if (rewritten_) rewritten_(line);
}

void TraceReplay::Compare(absl::string_view recorded) {
  if (matched_ < decided_.size() && decided_[matched_] == recorded) {
    ++matched_;
  } else {
    Differs(recorded,
            matched_ < decided_.size() ? decided_[matched_] : absl::string_view());
  }
}

// No more decisions of this input stand in the trace.
void TraceReplay::Settle() {
  if (matched_ < decided_.size() && !differs_) Differs("", decided_[matched_]);
}

void TraceReplay::Differs(absl::string_view recorded, absl::string_view decided) {
  if (!std::exchange(differs_, true)) ++result_.different_inputs;
  if (result_.difference) return;
  result_.difference = Difference{line_, std::string(recorded), std::string(decided)};
  if (observer_) observer_->OnDifference(*result_.difference);
}

}  // namespace bridge
