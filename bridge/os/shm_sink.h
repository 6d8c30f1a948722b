// bridge/os/shm_sink.h
//
// Samples into NTP shared memory unit N (SysV key "NTP0" + N): finding, creating
// and attaching the segment. The memory protocol is shm/segment_writer.h.
//
// Whoever comes first creates the segment, so owner and mode may be another
// program's. The segment is never removed by us. Somebody else may (ipcrm); the
// kernel then keeps it for those who are attached, and an NTP daemon that is
// restarted makes a new one. So the key is looked up again, once a second: a new
// segment is attached, and the old one used as long as a consumer has it.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/base/log.h"
#include "bridge/refclock/sample_sink.h"
#include "shm/segment_writer.h"

namespace bridge::os {

class ShmSink final : public SampleSink {
 public:
  // Attaches, creating the segment with `mode` if need be, and withdraws whatever
  // a predecessor left valid. Errors say what to do.
  static absl::StatusOr<std::unique_ptr<ShmSink>> Attach(
      int unit, int mode, absl::Duration check_interval = absl::Seconds(1));

  // Withdraws and detaches.
  ~ShmSink() override;

  void Publish(const RefclockSample& sample) override;
  void Withdraw() override;

  // What an operator should know and has not been told; at most one line per
  // change. Ask after Publish.
  std::optional<LogLine> TakeNews();

  // Somebody had written a sample since the machine started: the system clock may
  // have been set from this unit.
  bool fed_before() const { return fed_before_; }
  bool attached() const { return segment_ != nullptr; }
  // How often a sample of ours was found overwritten by somebody else.
  uint64_t foreign_writes() const { return foreign_writes_; }

 private:
  ShmSink(int unit, int mode, absl::Duration check_interval);

  absl::Status AttachSegment();
  void Detach();
  bool IsCurrent() const;
  void FollowTheKey(MonoTime now);
  void NoteForeignWrite(MonoTime now);

  const int unit_;
  const int mode_;
  const absl::Duration check_interval_;
  bool fed_before_ = false;
  int id_ = -1;
  ntpshm::Segment* segment_ = nullptr;
  std::optional<ntpshm::SegmentWriter> writer_;
  MonoTime checked_;
  uint64_t foreign_writes_ = 0;
  std::optional<MonoTime> foreign_told_;
  std::optional<LogLine> news_;
};

}  // namespace bridge::os
