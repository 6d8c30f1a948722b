#include "bridge/sim/utc_cases.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/sim/leap_list.h"
#include "bridge/sim/world.h"

namespace bridge::sim {
namespace {

using When = UtcCase::When;
using Flags = UtcCase::Flags;
using List = UtcCase::List;
using System = UtcCase::System;

constexpr int64_t k2015 = UnixSecond(absl::CivilSecond(2015, 7, 1));
constexpr int64_t k2017 = UnixSecond(absl::CivilSecond(2017, 1, 1));
constexpr int64_t kLeap = UnixSecond(absl::CivilSecond(2028, 7, 1));  // Of kAfterLeap.
constexpr int64_t kDay = 86'400;

int64_t StartOf(When when) {
  return when == When::kToday ? UnixSecond(absl::CivilSecond(2026, 11, 21, 12))
                              : UnixSecond(absl::CivilSecond(2029, 3, 10, 12));
}
int TrueOffset(When when) { return kTaiMinusUtc + (when == When::kAfterLeap ? 1 : 0); }

int Announced(const UtcCase& c) {
  return c.lie == UtcCase::kZero ? 0 : TrueOffset(c.when) + c.lie;
}

absl::StatusOr<std::string> ListText(const UtcCase& c) {
  const int64_t now = StartOf(c.when);
  LeapListFacts facts{.rows = {{k2015, kTaiMinusUtc - 1}, {k2017, kTaiMinusUtc}},
                      .last_update = now - 100 * kDay,
                      .expires = now + 200 * kDay};
  switch (c.list) {
    case List::kAbsent:
      return absl::NotFoundError("no such file");
    case List::kCurrent:
    case List::kLineLost:
      if (c.when == When::kAfterLeap) facts.rows.push_back({kLeap, kTaiMinusUtc + 1});
      break;
    case List::kExpired:
      // Before the leap second, if there was one.
      facts.expires = std::min(now - 30 * kDay, kLeap - 90 * kDay);
      facts.last_update = facts.expires - 200 * kDay;
      break;
    case List::kAncient:
      facts.rows.pop_back();
      facts.expires = k2017 - 4 * kDay;
      facts.last_update = k2017 - 300 * kDay;
      break;
  }
  std::string text = LeapListText(facts);
  // The last line is missing, and so is the hash that would tell.
  if (c.list == List::kLineLost) {
    text.erase(0, text.find('\n') + 1);
    text.resize(text.rfind('\n', text.size() - 2) + 1);
  }
  return text;
}

GrandmasterSettings Master(const UtcCase& c) {
  GrandmasterSettings master;
  master.sync_interval = -1;
  master.announce.current_utc_offset = static_cast<int16_t>(Announced(c));
  ptp::Flags& flags = master.announce_flags;
  flags.ptp_timescale = c.ptp_timescale;
  flags.current_utc_offset_valid = c.flags != Flags::kNone;
  flags.time_traceable = c.flags == Flags::kTraceable;
  flags.leap61 = c.flags == Flags::kLeap61;
  flags.leap59 = c.flags == Flags::kLeap59;
  return master;
}

// A table that has not expired and is right is at hand.
bool CurrentTable(const UtcCase& c) {
  return c.when == When::kToday || c.list == List::kCurrent;
}
bool SystemVouches(const UtcCase& c) {
  return c.system == System::kRight && !c.restart;
}

// What tables and kernel say: one party, as the one is set from the other.
bool TablesTellTheTruth(const UtcCase& c) {
  const bool table = CurrentTable(c) || c.when == When::kLater;
  return table || c.kernel == 0;
}

bool SomebodyDiffers(const UtcCase& c) {
  const bool table_lies = !CurrentTable(c) && c.when == When::kAfterLeap;
  return c.lie != 0 || table_lies || (c.kernel && c.kernel != 0);
}

const char* Name(When when) {
  constexpr const char* kNames[] = {"2026", "2029", "2029, leap 2028"};
  return kNames[static_cast<int>(when)];
}
const char* Name(Flags flags) {
  constexpr const char* kNames[] = {"-", "valid", "valid+traceable", "valid+leap61",
                                    "valid+leap59"};
  return kNames[static_cast<int>(flags)];
}
const char* Name(List list) {
  constexpr const char* kNames[] = {"current", "expired", "ancient", "absent",
                                    "line lost"};
  return kNames[static_cast<int>(list)];
}
const char* Name(System system) {
  constexpr const char* kNames[] = {"unsynchronised", "right", "2 s off"};
  return kNames[static_cast<int>(system)];
}
const char* Name(UtcPolicy policy) {
  constexpr const char* kNames[] = {"agree", "trust-grandmaster", "pin"};
  return kNames[static_cast<int>(policy)];
}

// The truth of today is with nobody.
bool NobodyCanTell(const UtcCase& c) {
  return c.when == When::kAfterLeap && c.lie == -1 && !CurrentTable(c);
}

}  // namespace

std::string UtcCase::ToString() const {
  return absl::StrFormat(
      "%s | %d%s | %s | %s | %s | %s | %s | %s | %s", Name(when), Announced(*this),
      Announced(*this) == TrueOffset(when) ? "" : " (lie)", Name(flags),
      ptp_timescale ? "PTP" : "arbitrary", Name(list),
      kernel ? absl::StrCat(TrueOffset(when) + *kernel) : "unset", Name(system),
      Name(policy), restart ? "restart" : "first start");
}

std::vector<UtcCase> AllUtcCases() {
  std::vector<UtcCase> all{UtcCase{}};
  // Multiplies what there is by the values of one dimension.
  const auto by = [&all](auto UtcCase::*member, auto... values) {
    std::vector<UtcCase> more;
    for (const UtcCase& c : all) {
      (
          [&] {
            more.push_back(c);
            more.back().*member = values;
          }(),
          ...);
    }
    all = std::move(more);
  };
  by(&UtcCase::when, When::kToday, When::kLater, When::kAfterLeap);
  by(&UtcCase::lie, 0, UtcCase::kZero, -1, 1, 3);
  by(&UtcCase::flags, Flags::kNone, Flags::kValid, Flags::kTraceable, Flags::kLeap61,
     Flags::kLeap59);
  by(&UtcCase::ptp_timescale, true, false);
  by(&UtcCase::list, List::kCurrent, List::kExpired, List::kAncient, List::kAbsent,
     List::kLineLost);
  by(&UtcCase::kernel, std::nullopt, 0, -1, 1);
  by(&UtcCase::system, System::kFree, System::kRight, System::kSecondsOff);
  by(&UtcCase::policy, UtcPolicy::kAgree, UtcPolicy::kTrustGrandmaster,
     UtcPolicy::kPin);
  by(&UtcCase::restart, false, true);
  std::erase_if(all, NobodyCanTell);
  return all;
}

UtcExpectation Expected(const UtcCase& c) {
  if (!c.ptp_timescale) return UtcExpectation::kRefused;
  const int parties = (c.lie == 0) + TablesTellTheTruth(c) + SystemVouches(c) +
                      (c.policy == UtcPolicy::kPin);
  if (parties < 2) return UtcExpectation::kAnything;
  if (c.system == System::kSecondsOff && !c.restart) return UtcExpectation::kClockDoubt;
  if (!CurrentTable(c) && !SystemVouches(c) && SomebodyDiffers(c)) {
    return UtcExpectation::kNobodyCurrent;
  }
  return UtcExpectation::kPublished;
}

UtcOutcome Play(const UtcCase& c) {
  Scenario scenario;
  scenario.name = "case";
  scenario.start = StartOf(c.when);
  scenario.tai_minus_utc = TrueOffset(c.when);
  scenario.config.utc.policy = c.policy;
  if (c.policy == UtcPolicy::kPin) scenario.config.utc.pin = TrueOffset(c.when);
  scenario.grandmasters = {Master(c)};
  scenario.kernel = {.tai_offset = c.kernel ? TrueOffset(c.when) + *c.kernel : 0,
                     .synchronized = c.system != System::kFree,
                     .max_error = TimeDelta::FromMillis(20),
                     .may_be_ours = c.restart};
  if (c.system == System::kSecondsOff) {
    scenario.system_error = TimeDelta::FromSeconds(2);
  }
  scenario.script = [&c](World& world) {
    world.ReplaceLeapList(ListText(c));
    if (c.restart) {
      world.At(absl::Seconds(4), [&world] { world.RestartDaemon(); });
    }
  };
  World world(std::move(scenario));
  world.RunFor(absl::Seconds(c.restart ? 9 : 5));
  return {.samples = world.tally().published,
          .wrong = world.tally().whole_seconds,
          .publishing = world.engine().publishing(),
          .withheld = world.engine().withheld()};
}

bool IsGood(const UtcCase& c, const UtcOutcome& outcome) {
  if (outcome.wrong > 0) return false;
  switch (Expected(c)) {
    case UtcExpectation::kPublished:
      return outcome.publishing;
    case UtcExpectation::kRefused:
    case UtcExpectation::kClockDoubt:
      return outcome.samples == 0;
    case UtcExpectation::kNobodyCurrent:
    case UtcExpectation::kAnything:
      break;
  }
  return true;
}

}  // namespace bridge::sim
