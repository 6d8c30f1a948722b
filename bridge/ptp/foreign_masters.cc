#include "bridge/ptp/foreign_masters.h"

#include <algorithm>

#include "bridge/time/waiting.h"

namespace bridge::ptp {
namespace {

// FOREIGN_MASTER_TIME_WINDOW; FOREIGN_MASTER_THRESHOLD is 2 (9.3.2.4.4).
constexpr int kWindowIntervals = 4;
constexpr uint16_t kMaxStepsRemoved = 255;  // 9.3.2.5 d)
// The longest announce interval of the default profiles (I.3.2). Longer ones are
// not believed: a vanished master must be missed within minutes.
constexpr LogInterval kLongestAnnounceInterval{4};

}  // namespace

ForeignMasters::ForeignMasters(const PortSettings& settings, Rng rng)
    : settings_(settings), rng_(rng) {}

std::optional<DropReason> ForeignMasters::OnAnnounce(const Header& header,
                                                     const Announce& announce,
                                                     MonoTime now) {
  Slot* slot = SlotOf(header.source);
  if (const auto refusal = Refusal(announce)) {
    if (slot) slot->reset();
    return refusal;
  }
  // A master that was restarted counts from anywhere; its old record expires.
  if (slot && !header.sequence.IsAfter((*slot)->sequence)) {
    return DropReason::kStaleAnnounce;
  }
  const absl::Duration interval = IntervalOf(header);
  const bool qualified = slot && ((*slot)->qualified ||
                                  now <= (*slot)->heard + kWindowIntervals * interval);
  if (!slot) slot = VacantSlot(now);
  if (!slot) return DropReason::kTooManyMasters;

  // Spread over an interval, lest all slaves of a lost master act at once
  // (9.2.6.12). Any record may come to be the parent, so every one draws.
  const double intervals = settings_.announce_receipt_timeout + rng_.Uniform();
  *slot = ForeignMaster{.data_set = {announce, header.source, settings_.identity},
                        .flags = header.flags,
                        .sequence = header.sequence,
                        .announce_interval = interval,
                        .heard = now,
                        .expires = now + intervals * interval,
                        .qualified = qualified};
  return {};
}

std::optional<DropReason> ForeignMasters::Refusal(const Announce& announce) const {
  if (announce.grandmaster == settings_.identity.clock) return DropReason::kOwnMessage;
  if (announce.steps_removed >= kMaxStepsRemoved) return DropReason::kStepsRemoved;
  const auto& allowed = settings_.allowed_masters;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(),
                                    announce.grandmaster) == allowed.end()) {
    return DropReason::kMasterNotAllowed;
  }
  return {};
}

absl::Duration ForeignMasters::IntervalOf(const Header& header) const {
  const LogInterval told = header.log_interval;
  const LogInterval longest =
      std::max(kLongestAnnounceInterval, settings_.announce_interval);
  const bool usable = told.IsPlausible() && told <= longest;
  return (usable ? told : settings_.announce_interval).ToDuration();
}

ForeignMasters::Slot* ForeignMasters::SlotOf(const PortIdentity& port) {
  for (Slot& slot : slots_) {
    if (slot && slot->port() == port) return &slot;
  }
  return nullptr;
}

ForeignMasters::Slot* ForeignMasters::VacantSlot(MonoTime now) {
  // A live record is never evicted: a flood of invented masters must not push
  // out a real one.
  for (Slot& slot : slots_) {
    if (!slot || slot->expires <= now) return &slot;
  }
  return nullptr;
}

void ForeignMasters::Expire(MonoTime now) {
  for (Slot& slot : slots_) {
    if (slot && slot->expires <= now) slot.reset();
  }
}

void ForeignMasters::Clear() { slots_ = {}; }

const ForeignMaster* ForeignMasters::Find(const PortIdentity& port) const {
  for (const Slot& slot : slots_) {
    if (slot && slot->port() == port) return &*slot;
  }
  return nullptr;
}

const ForeignMaster* ForeignMasters::Best() const {
  const auto preferred = [](const ForeignMaster& a, const ForeignMaster& b) {
    if (a.qualified != b.qualified) return a.qualified;
    return IsBetter(a.data_set, b.data_set);
  };
  const ForeignMaster* best = nullptr;
  for (const Slot& slot : slots_) {
    if (slot && (!best || preferred(*slot, *best))) best = &*slot;
  }
  return best;
}

std::optional<MonoTime> ForeignMasters::NextExpiry() const {
  std::optional<MonoTime> next;
  for (const Slot& slot : slots_) {
    if (slot && (!next || slot->expires < *next)) next = slot->expires;
  }
  return next;
}

size_t ForeignMasters::size() const {
  return static_cast<size_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.has_value(); }));
}

}  // namespace bridge::ptp
