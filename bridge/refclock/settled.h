// bridge/refclock/settled.h
//
// Hysteresis: a condition that was lost counts again only after it has held for a
// while, lest publication flap with it. At first it counts at once.
#pragma once

#include "absl/time/time.h"
#include "bridge/time/waiting.h"

namespace bridge {

class Settled {
 public:
  // Whether it counts. Ask as often as you like.
  bool Update(bool holds, absl::Duration settle, MonoTime now) {
    if (!holds) {
      lost_ = true;
      since_ = now;
    }
    lost_ = lost_ && !(holds && now - since_ >= ToTimeDelta(settle));
    return holds && !lost_;
  }

 private:
  bool lost_ = false;
  MonoTime since_;  // It did not hold then; meaningful while lost_.
};

}  // namespace bridge
