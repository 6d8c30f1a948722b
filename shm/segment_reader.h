// shm/segment_reader.h
//
// Reads a segment the way its consumers do, without consuming: `valid` is left
// alone. Anything may stand in the segment; every value is judged before use.
#pragma once

#include <optional>

#include "shm/layout.h"

namespace ntpshm {

enum class ReadResult {
  kSample,
  kNotValid,   // Nothing to read.
  kClash,      // A writer (or a consumer) was at work; try again.
  kBadMode,    // mode is neither 0 nor 1.
  kMalformed,  // Microseconds outside [0, 10^6), or a leap outside 0 to 3.
};

struct Reading {
  ReadResult result;
  int count;
  int mode;
  bool valid;
  Sample sample;         // Meaningful with kSample only.
  bool has_nanoseconds;  // USec is NSec truncated, for both stamps.
};

// ntpd's order (valid, count, fence, copy, fence, count again), and valid again.
Reading Read(const Segment* segment);

}  // namespace ntpshm
