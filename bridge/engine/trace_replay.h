// bridge/engine/trace_replay.h
//
// Plays a trace (trace.h) to new engines and compares what they decide with what
// stands in it.
//
//   TraceReplay replay(REFCLOCKD_VERSION);
//   RETURN_IF_ERROR(replay.Feed(text));
//   RETURN_IF_ERROR(replay.Finish());
//   if (replay.result().difference) ...
//
// After a difference the replay goes on, so that it shows what this version would
// have done. If it asks for a cross-timestamp that nobody took then, it is given
// the pair of the same turn again, a microsecond later.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bridge/engine/engine.h"
#include "bridge/engine/trace.h"

namespace bridge {

class TraceReplay {
 public:
  struct Difference {
    uint64_t line;         // Where it was noticed, from 1.
    std::string recorded;  // Empty: nothing stands there.
    std::string decided;   // Empty: nothing was decided.
  };
  struct Result {
    uint64_t runs = 0;
    uint64_t inputs = 0;
    uint64_t different_inputs = 0;  // Whose decisions are not those recorded.
    uint64_t unasked = 0;           // Cross-timestamps recorded and not asked for,
    uint64_t unanswered = 0;        // and asked for and not recorded.
    std::optional<Difference> difference;  // The first.
    bool cut_short = false;                // The last run has no end.
  };
  // What a reader of the replay gets to see, in order.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void OnRun(const trace::Header&, const Config&) {}
    // An input and what the engine decided on it now.
    virtual void OnTurn(const trace::Turn&, std::span<const Action>) {}
    virtual void OnDifference(const Difference&) {}
  };

  // `version` stands in what `rewritten` gets: every line of the trace again, with
  // the decisions of now and with the comments. Both may be null.
  explicit TraceReplay(std::string version, Observer* observer = nullptr,
                       TraceWriter::Sink rewritten = nullptr);

  // A piece of the file, of any size. Errors name the line, what is wrong and what
  // would be right; the replay is over then.
  absl::Status Feed(absl::string_view piece);
  // The file is at its end. A last line without a newline was cut short and is left
  // out.
  absl::Status Finish();

  const Result& result() const { return result_; }

 private:
  absl::Status OnLine(absl::string_view line);
  absl::Status OnRun(const trace::Header& header);
  void OnTurn(const trace::Turn& turn);
  void OnEnd();
  void Decide(const trace::Turn& turn);
  void AnswerAlone();
  void OnWritten(absl::string_view line);
  void Compare(absl::string_view recorded);
  void Settle();
  void Differs(absl::string_view recorded, absl::string_view decided);
  absl::Status Error(const absl::Status& status) const;

  Observer* const observer_;
  const TraceWriter::Sink rewritten_;
  TraceReader reader_;
  TraceWriter writer_;
  std::unique_ptr<Engine> engine_;  // Null between runs.
  Result result_;

  std::string partial_;  // A line of which the end has not come yet.
  uint64_t line_ = 0;
  // Of the latest input: what was decided, and how many of it stood in the trace.
  std::vector<std::string> decided_;
  size_t matched_ = 0;
  bool differs_ = false;
  size_t asked_ = 0;  // ReadCrossTimestamp not answered yet.
  MonoTime asked_at_;
  // The newest pair, and its turn.
  std::optional<CrossTimestamp<Raw>> pair_;
  MonoTime paired_at_;
};

}  // namespace bridge
