#include "ebpf/stages.h"

namespace ebpf {
namespace {

using Instant = std::optional<int64_t>;

// Hands out the spans of one record.
class Cutter {
 public:
  explicit Cutter(absl::FunctionRef<void(const Span&)> out) : out_(out) {}

  void Cut(Stage stage, const Instant& from, const Instant& to) {
    if (from && to) out_({stage, *to - *from, 0});
  }
  void Cut(Stage stage, const std::optional<Reading>& from, const Instant& to) {
    if (from && to) out_({stage, *to - from->mono_ns, from->error_ns});
  }
  void Cut(Stage stage, const Instant& from, const std::optional<Reading>& to) {
    if (from && to) out_({stage, to->mono_ns - *from, to->error_ns});
  }

 private:
  absl::FunctionRef<void(const Span&)> out_;
};

void CutReceived(const Record& r, const ClockReader& clocks, Cutter cutter) {
  const Instant& first = r.driver ? r.driver : r.stack;
  if (r.hardware_stamp && first) {
    cutter.Cut(Stage::kNicToDriver, clocks.phc(r.key.ifindex, *r.hardware_stamp),
               first);
  }
  cutter.Cut(Stage::kDriverToStack, r.driver, r.stack);
  if (r.socket) {
    cutter.Cut(Stage::kStackToSocket, r.stack, r.socket);
    cutter.Cut(Stage::kSocketToUser, r.socket, r.user);
  } else {
    cutter.Cut(Stage::kStackToUser, r.stack, r.user);
  }
  if (r.software_stamp && !first) {
    cutter.Cut(Stage::kStampToUser, clocks.realtime(*r.software_stamp), r.user);
  }
  cutter.Cut(Stage::kReceive, first, r.user);
}

void CutSent(const Record& r, const ClockReader& clocks, Cutter cutter) {
  cutter.Cut(Stage::kSendToDriver, r.send, r.xmit);
  if (r.hardware_stamp && r.xmit) {
    cutter.Cut(Stage::kDriverToNic, r.xmit,
               clocks.phc(r.key.ifindex, *r.hardware_stamp));
  }
  cutter.Cut(Stage::kDriverToStamp, r.xmit, r.stamp_queued);
  cutter.Cut(Stage::kStampToRead, r.stamp_queued, r.stamp_read);
  cutter.Cut(Stage::kTransmit, r.xmit, r.stamp_read);
}

}  // namespace

absl::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kNicToDriver:
      return "nic-driver";
    case Stage::kDriverToStack:
      return "driver-stack";
    case Stage::kStackToSocket:
      return "stack-socket";
    case Stage::kSocketToUser:
      return "socket-user";
    case Stage::kStackToUser:
      return "stack-user";
    case Stage::kStampToUser:
      return "stamp-user";
    case Stage::kReceive:
      return "receive";
    case Stage::kSendToDriver:
      return "send-driver";
    case Stage::kDriverToNic:
      return "driver-nic";
    case Stage::kDriverToStamp:
      return "driver-stamp";
    case Stage::kStampToRead:
      return "stamp-read";
    case Stage::kTransmit:
      return "transmit";
  }
  return "";
}

void ForEachSpan(const Record& record, const ClockReader& clocks,
                 absl::FunctionRef<void(const Span&)> out) {
  if (record.key.direction == PTP_RX) {
    CutReceived(record, clocks, Cutter(out));
  } else {
    CutSent(record, clocks, Cutter(out));
  }
}

void ForEachSpan(const Record& record, absl::FunctionRef<void(const Span&)> out) {
  const auto no_phc = [](uint32_t, int64_t) { return std::optional<Reading>(); };
  const auto no_realtime = [](int64_t) { return std::optional<Reading>(); };
  ForEachSpan(record, {no_phc, no_realtime}, out);
}

}  // namespace ebpf
