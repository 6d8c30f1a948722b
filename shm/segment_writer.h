// shm/segment_writer.h
//
// The memory protocol of a writer, without the system calls: bytes in a Segment
// that may live anywhere. Attaching is os/shm_sink's business; simulation and
// tests write to a Segment of their own.
#pragma once

#include <cstdint>

#include "shm/layout.h"

namespace ntpshm {

class SegmentWriter {
 public:
  // `segment` outlives the writer. Nothing is written yet.
  explicit SegmentWriter(Segment* segment);

  // Stores a sample: mode 1, count before and after, fences, valid last.
  void Write(const Sample& sample);
  // valid = 0: readers see silence at once.
  void Withdraw();

  // Whether someone else has written since our last Write or Withdraw (count or
  // mode moved, or a stamp is not ours): two writers on one unit, or gpsd, which
  // zeroes a segment that it activates. Readers only ever clear `valid`.
  bool ForeignWriteSeen() const;

 private:
  Segment* segment_;
  bool written_ = false;
  Segment expected_{};
};

}  // namespace ntpshm
