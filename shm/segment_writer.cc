#include "shm/segment_writer.h"

#include "shm/shared_field.h"

namespace ntpshm {
namespace {

void StoreSample(const Sample& sample, Segment& segment) {
  // gpsd zeroes a segment it activates, so even the constants are written anew.
  Store(segment.mode, 1);
  Store(segment.clockTimeStampSec, static_cast<time_t>(sample.clock_seconds));
  Store(segment.receiveTimeStampSec, static_cast<time_t>(sample.receive_seconds));
  // Truncated, not rounded: readers take the nanoseconds only if USec is their
  // beginning, for both stamps (ntpd, ntpsec and chrony, refclock_shm.c).
  Store(segment.clockTimeStampUSec, static_cast<int>(sample.clock_nanos / 1000));
  Store(segment.receiveTimeStampUSec, static_cast<int>(sample.receive_nanos / 1000));
  Store(segment.clockTimeStampNSec, sample.clock_nanos);
  Store(segment.receiveTimeStampNSec, sample.receive_nanos);
  Store(segment.leap, sample.leap);
  Store(segment.precision, sample.precision);
  Store(segment.nsamples, 3);  // What gpsd writes and ntpd resets it to.
  for (int& reserved : segment.dummy) Store(reserved, 0);
}

// What tells one writer's work from another's. Not precision and nsamples, which
// ntpd sets when it starts, and not `valid`, which readers clear.
Segment Fingerprint(const Segment& segment) {
  Segment copy{};
  copy.mode = Load(segment.mode);
  copy.count = Load(segment.count);
  copy.clockTimeStampSec = Load(segment.clockTimeStampSec);
  copy.clockTimeStampNSec = Load(segment.clockTimeStampNSec);
  copy.clockTimeStampUSec = Load(segment.clockTimeStampUSec);
  copy.receiveTimeStampSec = Load(segment.receiveTimeStampSec);
  copy.receiveTimeStampUSec = Load(segment.receiveTimeStampUSec);
  copy.receiveTimeStampNSec = Load(segment.receiveTimeStampNSec);
  return copy;
}

bool SameFingerprint(const Segment& a, const Segment& b) {
  return a.mode == b.mode && a.count == b.count &&
         a.clockTimeStampSec == b.clockTimeStampSec &&
         a.clockTimeStampUSec == b.clockTimeStampUSec &&
         a.clockTimeStampNSec == b.clockTimeStampNSec &&
         a.receiveTimeStampSec == b.receiveTimeStampSec &&
         a.receiveTimeStampUSec == b.receiveTimeStampUSec &&
         a.receiveTimeStampNSec == b.receiveTimeStampNSec;
}

}  // namespace

SegmentWriter::SegmentWriter(Segment* segment) : segment_(segment) {}

void SegmentWriter::Write(const Sample& sample) {
  // Odd while the data move. A writer that died half way left it odd: skip one,
  // or a reader that began before us would not notice. Unsigned, so it may wrap.
  const unsigned before = static_cast<unsigned>(Load(segment_->count));
  const unsigned during = before + 1 + (before & 1);
  Store(segment_->valid, 0);
  Store(segment_->count, static_cast<int>(during));
  std::atomic_thread_fence(std::memory_order_release);
  StoreSample(sample, *segment_);
  std::atomic_thread_fence(std::memory_order_release);
  Store(segment_->count, static_cast<int>(during + 1));
  std::atomic_ref<int>(segment_->valid).store(1, std::memory_order_release);

  // From our own values, not read back: a second writer may be at work already.
  expected_ = {};
  StoreSample(sample, expected_);
  expected_.count = static_cast<int>(during + 1);
  expected_.valid = 1;
  written_ = true;
}

void SegmentWriter::Withdraw() {
  std::atomic_ref<int>(segment_->valid).store(0, std::memory_order_release);
  expected_ = Fingerprint(*segment_);
  written_ = true;
}

bool SegmentWriter::ForeignWriteSeen() const {
  if (!written_) return false;
  const bool revived = expected_.valid == 0 && Load(segment_->valid) != 0;
  return revived || !SameFingerprint(expected_, Fingerprint(*segment_));
}

}  // namespace ntpshm
