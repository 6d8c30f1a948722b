#include "bridge/telemetry/latency_histogram.h"

#include <algorithm>
#include <bit>

namespace bridge {
namespace {

constexpr int kSubBits = LatencyHistogram::kSubBits;
constexpr uint64_t kPerOctave = uint64_t{1} << kSubBits;

size_t IndexOf(int64_t ns) {
  const auto value = static_cast<uint64_t>(std::max<int64_t>(ns, 0));
  if (value < kPerOctave) return value;
  const int shift = static_cast<int>(std::bit_width(value)) - 1 - kSubBits;
  const uint64_t index = static_cast<uint64_t>(shift) * kPerOctave + (value >> shift);
  return std::min<uint64_t>(index, LatencyHistogram::kBuckets - 1);
}

// Where bucket `index` begins; that of the one after the last is where the last ends.
int64_t StartOf(size_t index) {
  if (index < kPerOctave) return static_cast<int64_t>(index);
  const size_t shift = index / kPerOctave - 1;
  return static_cast<int64_t>((kPerOctave + index % kPerOctave) << shift);
}

}  // namespace

void LatencyHistogram::Add(int64_t ns) {
  ns = std::clamp(ns, -kLongest, kLongest);
  least_ = count_ == 0 ? ns : std::min(least_, ns);
  most_ = count_ == 0 ? ns : std::max(most_, ns);
  ++counts_[IndexOf(ns)];
  ++count_;
  below_zero_ += ns < 0 ? 1 : 0;
  sum_ += static_cast<double>(ns);
}

void LatencyHistogram::Add(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  least_ = count_ == 0 ? other.least_ : std::min(least_, other.least_);
  most_ = count_ == 0 ? other.most_ : std::max(most_, other.most_);
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  below_zero_ += other.below_zero_;
  sum_ += other.sum_;
}

int64_t LatencyHistogram::AtRank(uint64_t rank) const {
  size_t index = 0;
  uint64_t below = counts_[0];
  while (below < rank && index + 1 < kBuckets) below += counts_[++index];
  // The open ends have no middle.
  if (index == 0) return std::min<int64_t>(least_, 0);
  if (index + 1 == kBuckets) return most_;
  const int64_t middle = (StartOf(index) + StartOf(index + 1)) / 2;
  return std::clamp(middle, least_, most_);
}

std::vector<LatencyBucket> LatencyHistogram::Buckets() const {
  std::vector<LatencyBucket> buckets;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (counts_[i] > 0) buckets.push_back({StartOf(i), StartOf(i + 1), counts_[i]});
  }
  if (buckets.empty()) return buckets;
  buckets.front().from_ns = std::min(buckets.front().from_ns, least_);
  buckets.back().to_ns = std::max(buckets.back().to_ns, most_ + 1);
  return buckets;
}

}  // namespace bridge
