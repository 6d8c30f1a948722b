// ebpf/stages.h
//
// Where a message's time went: a record cut into spans. Pure.
//
// A span is there when both its ends are known. Spans that follow one another in the
// list below add up; where a hook between two ends is missing, the span over it has a
// name of its own (kStackToUser), so that one name always means one thing.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "ebpf/record.h"

namespace ebpf {

enum class Stage : uint8_t {
  // Received.
  kNicToDriver,  // Wire, DMA, interrupt, NAPI: coalescing is here. Needs a ClockReader.
  kDriverToStack,  // GRO, backlog, RPS.
  kStackToSocket,
  kSocketToUser,  // Wake-up, scheduling, the read itself.
  kStackToUser,   // Instead of the two above where no hook saw the socket.
  kStampToUser,   // Software stamp to user: without BPF all there is. Needs a
                  // ClockReader.
  kReceive,       // Sum: driver (or else stack) to user.
  // Sent.
  kSendToDriver,   // Sockets, routing, queueing discipline.
  kDriverToNic,    // The hardware stamp. Needs a ClockReader.
  kDriverToStamp,  // Until the stamp is in the error queue.
  kStampToRead,
  kTransmit,  // Sum: driver to stamp read; what a tx_timestamp_timeout has to cover.
};
inline constexpr int kStages = 12;

// "driver-stack"; fit for JSON keys and plots.
absl::string_view StageName(Stage stage);

struct Span {
  Stage stage;
  int64_t ns;        // Negative only where two clocks are compared.
  int64_t error_ns;  // Half width of what is not known; 0 within one clock.
};

// A foreign clock's instant on CLOCK_MONOTONIC.
struct Reading {
  int64_t mono_ns;
  int64_t error_ns;
};
struct ClockReader {
  // The PHC behind this interface; nothing while the map is not known.
  absl::FunctionRef<std::optional<Reading>(uint32_t ifindex, int64_t phc_ns)> phc;
  absl::FunctionRef<std::optional<Reading>(int64_t realtime_ns)> realtime;
};

// Calls `out` for each span, in the order above. Nothing is allocated.
void ForEachSpan(const Record& record, const ClockReader& clocks,
                 absl::FunctionRef<void(const Span&)> out);
// Without spans that need other clocks.
void ForEachSpan(const Record& record, absl::FunctionRef<void(const Span&)> out);

}  // namespace ebpf
