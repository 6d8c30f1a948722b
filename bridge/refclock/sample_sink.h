// bridge/refclock/sample_sink.h
//
// Where samples go: an NTP SHM unit, a chrony SOCK, a simulated consumer.
#pragma once

#include "bridge/refclock/refclock_sample.h"

namespace bridge {

class SampleSink {
 public:
  virtual ~SampleSink() = default;

  // Hands the sample over, now or not at all: an old sample is never queued.
  virtual void Publish(const RefclockSample& sample) = 0;
  // Makes consumers see silence, where the protocol can say it (SHM valid = 0).
  virtual void Withdraw() = 0;
};

}  // namespace bridge
