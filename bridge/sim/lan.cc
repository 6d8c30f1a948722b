#include "bridge/sim/lan.h"

#include <algorithm>
#include <utility>

#include "bridge/sim/box.h"
#include "bridge/time/waiting.h"

namespace bridge::sim {

Lan::Lan(const Settings& settings)
    : rng_(settings.seed),
      truth_(kTaiMinusUtc, settings.leap),
      start_(truth_.Tai(settings.start)),
      now_(start_) {}

void Lan::RunFor(absl::Duration duration) {
  RunUntil([] { return false; }, duration);
}

bool Lan::RunUntil(const std::function<bool()>& done, absl::Duration deadline) {
  const TaiTime end = now_ + ToTimeDelta(deadline);
  while (!done()) {
    if (queue_.empty() || queue_.next() > end) {
      now_ = end;
      return false;
    }
    now_ = std::max(now_, queue_.next());
    queue_.Pop()();
  }
  return true;
}

void Lan::At(absl::Duration age, std::function<void()> what) {
  queue_.At(std::max(now_, start_ + ToTimeDelta(age)), std::move(what));
}

void Lan::After(TimeDelta delay, std::function<void()> what) {
  queue_.At(now_ + delay, std::move(what));
}

absl::Duration Lan::age() const { return ToDuration(now_ - start_); }

absl::Duration Lan::AgeAt(int64_t unix_second) const {
  return ToDuration(truth_.Tai(unix_second) - start_);
}

void Lan::Carry(Box& from, const ptp::Send& send) {
  const std::vector<uint8_t> octets(send.octets.begin(),
                                    send.octets.begin() + send.size);
  const ptp::PortAddress sender = from.address();
  for (const TimeDelta up : from.link().Deliver(Direction::kToMaster)) {
    for (Box* box : boxes_) {
      if (box == &from || (send.to && *send.to != box->address())) continue;
      for (const TimeDelta down : box->link().Deliver(Direction::kToSlave)) {
        After(up + down, [box, octets, sender] { box->Arrive(octets, sender); });
      }
    }
  }
}

}  // namespace bridge::sim
