#include "bridge/sim/leap_scenarios.h"

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"

namespace bridge::sim {
namespace {

constexpr std::array kKinds = {LeapIndicator::kInsert, LeapIndicator::kDelete};
constexpr std::array kConsumers = {LeapConsumer::kStep, LeapConsumer::kSlew,
                                   LeapConsumer::kSmear};

const char* KindName(LeapIndicator what) {
  return what == LeapIndicator::kInsert ? "insert" : "delete";
}

const char* ConsumerName(LeapConsumer consumer) {
  switch (consumer) {
    case LeapConsumer::kStep:
      return "step";
    case LeapConsumer::kSlew:
      return "slew";
    case LeapConsumer::kSmear:
      return "smear";
  }
  return "";
}

// ---- What else happens. Times are seconds after the new month began.

void At(World& world, int64_t midnight, double seconds, std::function<void()> what) {
  world.At(world.AgeAt(midnight) + absl::Seconds(seconds), std::move(what));
}

template <int kSecond>
void Restart(World& world, int64_t midnight) {
  At(world, midnight, kSecond, [&world] { world.RestartDaemon(absl::Seconds(2)); });
}

template <int kSecond>
void NewList(World& world, int64_t midnight) {
  At(world, midnight, kSecond, [&world] { world.ReplaceLeapList(LeapList::kGood); });
}

template <int kSecond>
void LosesList(World& world, int64_t midnight) {
  At(world, midnight, kSecond, [&world] { world.ReplaceLeapList(LeapList::kAbsent); });
}

template <int kSecond>
void FirstDies(World& world, int64_t midnight) {
  At(world, midnight, kSecond, [&world] { world.grandmaster(0).set_alive(false); });
}

// The backup that takes over forgets the leap second.
template <int kSecond>
void StaleBackup(World& world, int64_t midnight) {
  world.grandmaster(1).settings().leap_plan->manners = LeapManners::kForgets;
  FirstDies<kSecond>(world, midnight);
}

// The first master forgets; the backup, which takes over after a while, does not.
template <int kSecond>
void HonestBackup(World& world, int64_t midnight) {
  world.grandmaster(1).settings().leap_plan->manners = LeapManners::kHonest;
  FirstDies<kSecond>(world, midnight);
}

// Something else synchronised the system clock before us. (If it shows smeared time,
// half a second off, it is right to publish nothing: another story.)
void ForeignClock(World& world, int64_t) {
  if (world.scenario().leap_rule == LeapRule::kSmear) return;
  KernelClock kernel = world.kernel();
  kernel.may_be_ours = false;
  kernel.max_error = TimeDelta::FromMillis(10);
  world.SetKernel(kernel);
}

void KernelKnowsTai(World& world, int64_t) {
  KernelClock kernel = world.kernel();
  kernel.tai_offset = kTaiMinusUtc;
  world.SetKernel(kernel);
}

void BothFlags(World& world, int64_t) {
  ptp::Flags& flags = world.grandmaster().settings().announce_flags;
  flags.leap61 = flags.leap59 = true;
}

const std::vector<LeapSituation>& Table() {
  using enum AtMidnight;
  static const std::vector<LeapSituation> table = {
      // ---- A leap second, and masters that tell the truth.
      {.name = "list-knows", .about = "list and master know of it", .bits = true},
      {.name = "list-knows-late",
       .about = "list and master know of it, the master acts 3 s after midnight",
       .master_delay = 3,
       .bits = true},
      {.name = "list-knows-sluggish",
       .about = "the master changes its offset half a minute late",
       .master_delay = 30,
       .resumes_within = 45,
       .bits = true},
      {.name = "list-expired",
       .about = "only the master knows: the list expired a month ago",
       .list = LeapList::kExpired,
       .expected = kStops},
      {.name = "list-absent",
       .about = "only the master knows: there is no list",
       .list = LeapList::kAbsent,
       .expected = kStops},
      {.name = "list-expired-sluggish",
       .about = "as list-expired, and the master is half a minute late",
       .list = LeapList::kExpired,
       .master_delay = 30,
       .expected = kStops},
      {.name = "list-truncated",
       .about = "only the master knows: the list is damaged",
       .list = LeapList::kTruncated,
       .expected = kStops},
      {.name = "list-ignorant",
       .about = "the master knows; a list that has not expired does not",
       .list = LeapList::kIgnorant,
       .expected = kStops},
      {.name = "list-comes-before",
       .about = "an expired list is replaced by a good one half an hour before",
       .list = LeapList::kExpired,
       .script = NewList<-1800>,
       .bits = true},
      {.name = "list-comes-after",
       .about = "an expired list is replaced by a good one half an hour after",
       .list = LeapList::kExpired,
       .script = NewList<1800>,
       .resumes_within = 1830},
      {.name = "list-goes-before",
       .about = "the good list is removed ten minutes before",
       .script = LosesList<-600>,
       .expected = kStops,
       .bits = true},
      {.name = "kernel-tai",
       .about = "the list expired; the kernel has a TAI offset that nobody corrects",
       .list = LeapList::kExpired,
       .script = KernelKnowsTai,
       .expected = kStops},
      {.name = "foreign-clock",
       .about = "the list expired; a clock that others had set agreed at the start",
       .list = LeapList::kExpired,
       .script = ForeignClock,
       .expected = kStops},
      // ---- A leap second, and masters that do it wrong.
      {.name = "unannounced",
       .about = "the list knows; the master sets no flag but changes its offset",
       .manners = LeapManners::kUnannounced},
      {.name = "unannounced-expired",
       .about = "the list expired; the master sets no flag but changes its offset",
       .list = LeapList::kExpired,
       .manners = LeapManners::kUnannounced,
       .expected = kStops},
      {.name = "unannounced-expired-slow",
       .about = "as unannounced-expired, and the next Announce is 8 s away",
       .list = LeapList::kExpired,
       .manners = LeapManners::kUnannounced,
       .master_delay = 0,
       .announce_interval = 3,
       .expected = kStops},
      {.name = "unaware",
       .about = "the list knows; the master neither flags it nor does it",
       .manners = LeapManners::kUnaware,
       .expected = kStops},
      {.name = "clears-early",
       .about = "the master takes its flags back an hour before midnight",
       .manners = LeapManners::kClearsEarly,
       .bits = true},
      {.name = "clears-early-expired",
       .about = "as clears-early, and the list expired",
       .list = LeapList::kExpired,
       .manners = LeapManners::kClearsEarly,
       .expected = kStops},
      {.name = "clears-late",
       .about = "the master's flags stay for an hour",
       .manners = LeapManners::kClearsLate,
       .bits = true},
      {.name = "never-clears",
       .about = "the master's flags stay for ever",
       .manners = LeapManners::kNeverClears,
       .bits = true},
      {.name = "changes-early",
       .about = "the master changes its offset an hour before midnight",
       .manners = LeapManners::kChangesEarly,
       .bits = true},
      {.name = "changes-early-expired",
       .about = "as changes-early, and the list expired",
       .list = LeapList::kExpired,
       .manners = LeapManners::kChangesEarly,
       .expected = kStops},
      {.name = "never-changes",
       .about = "the master clears its flags and keeps the old offset",
       .manners = LeapManners::kNeverChanges,
       .expected = kStops,
       .bits = true},
      {.name = "forgets",
       .about = "the master keeps its flags and the old offset",
       .manners = LeapManners::kForgets,
       .expected = kStops,
       .bits = true},
      {.name = "forgets-expired",
       .about = "as forgets, and the list expired",
       .list = LeapList::kExpired,
       .manners = LeapManners::kForgets,
       .expected = kStops},
      {.name = "never-changes-expired",
       .about = "as never-changes, and the list expired",
       .list = LeapList::kExpired,
       .manners = LeapManners::kNeverChanges,
       .expected = kStops},
      // ---- A leap second, and something else at the same time.
      {.name = "failover-before",
       .about = "the master dies 3 s before midnight, an honest backup takes over",
       .script = FirstDies<-3>,
       .resumes_within = 40,
       .bits = true},
      {.name = "failover-after",
       .about = "the master dies 3 s after midnight, an honest backup takes over",
       .script = FirstDies<3>,
       .resumes_within = 40,
       .bits = true},
      {.name = "failover-stale",
       .about = "the backup that takes over at midnight forgets the leap second",
       .script = StaleBackup<-3>,
       .expected = kStops,
       .bits = true},
      {.name = "failover-cures",
       .about = "the first master forgets, a minute later an honest one takes over",
       .manners = LeapManners::kForgets,
       .script = HonestBackup<60>,
       .resumes_within = 100,
       .bits = true},
      {.name = "restart-before",
       .about = "refclockd is restarted 3 s before midnight",
       .script = Restart<-3>,
       .bits = true},
      {.name = "restart-after",
       .about = "refclockd is restarted a second after midnight",
       .script = Restart<1>,
       .bits = true},
      {.name = "restart-sluggish-expired",
       .about = "restarted at midnight; the list expired; the master is 30 s late",
       .list = LeapList::kExpired,
       .master_delay = 30,
       .script = Restart<-1>,
       .expected = kStops},
      {.name = "restart-after-sluggish-expired",
       .about = "restarted after midnight; the list expired; the master is 30 s late",
       .list = LeapList::kExpired,
       .master_delay = 30,
       .script = Restart<3>,
       .expected = kStops},
      {.name = "restart-after-forgets-expired",
       .about = "restarted after midnight; the list expired; the master forgets",
       .list = LeapList::kExpired,
       .manners = LeapManners::kForgets,
       .script = Restart<3>,
       .expected = kStops},
      // ---- No leap second, whatever anybody says.
      {.name = "quiet",
       .about = "an ordinary month's end, and a list that says so",
       .manners = LeapManners::kUnaware,
       .leap = false,
       .expected = kGoesOn},
      {.name = "quiet-expired",
       .about = "an ordinary month's end, and the list expired",
       .list = LeapList::kExpired,
       .manners = LeapManners::kUnaware,
       .leap = false},
      {.name = "false-flags",
       .about = "the master flags one that a good list excludes",
       .manners = LeapManners::kNeverChanges,
       .leap = false},
      {.name = "false-flags-expired",
       .about = "the master flags one, and the list expired",
       .list = LeapList::kExpired,
       .manners = LeapManners::kNeverChanges,
       .leap = false,
       .expected = kStops},
      {.name = "false-leap",
       .about = "the master flags one that a good list excludes, and does it",
       .leap = false,
       .expected = kStops},
      {.name = "false-leap-expired",
       .about = "the master flags one and does it, and the list expired",
       .list = LeapList::kExpired,
       .leap = false,
       .expected = kStops},
      {.name = "jump",
       .about = "the master changes its offset an hour before, without a word",
       .manners = LeapManners::kChangesUnasked,
       .leap = false,
       .expected = kStops},
      {.name = "jump-absent",
       .about = "as jump, and there is no list",
       .list = LeapList::kAbsent,
       .manners = LeapManners::kChangesUnasked,
       .leap = false,
       .expected = kStops},
      {.name = "both-flags",
       .about = "the master flags leap61 and leap59 at once",
       .manners = LeapManners::kUnaware,
       .leap = false,
       .script = BothFlags,
       .expected = kGoesOn},
      {.name = "invented",
       .about = "a list that has not expired invents one; the master knows better",
       .list = LeapList::kInventsIt,
       .manners = LeapManners::kUnaware,
       .leap = false,
       .expected = kStops},
      {.name = "ordinary-day",
       .about = "the master flags one at the end of an ordinary day",
       .manners = LeapManners::kNeverChanges,
       .leap = false,
       .ordinary_day = true,
       .expected = kGoesOn},
      {.name = "ordinary-day-expired",
       .about = "as ordinary-day, and the list expired",
       .list = LeapList::kExpired,
       .manners = LeapManners::kNeverChanges,
       .leap = false,
       .ordinary_day = true,
       .expected = kGoesOn},
      {.name = "ordinary-day-jump",
       .about = "the master flags one on an ordinary day, and does it",
       .leap = false,
       .ordinary_day = true,
       .expected = kStops},
  };
  return table;
}

}  // namespace

const std::vector<LeapSituation>& LeapSituations() { return Table(); }

int64_t LeapMidnight(const LeapSituation& situation, LeapIndicator what) {
  if (situation.ordinary_day) return UnixSecond(absl::CivilSecond(2028, 6, 22));
  // After the compiled-in table's knowledge ends, and days that chrony believes.
  return what == LeapIndicator::kInsert ? UnixSecond(absl::CivilSecond(2028, 7, 1))
                                        : UnixSecond(absl::CivilSecond(2030, 1, 1));
}

Scenario LeapScenario(const LeapSituation& situation, LeapIndicator what,
                      LeapConsumer consumer, bool whole_day) {
  const int64_t midnight = LeapMidnight(situation, what);
  const absl::Duration half = whole_day ? absl::Hours(13) : absl::Minutes(70);
  Scenario s;
  s.name = absl::StrCat("leap-", situation.name, "-", KindName(what), "-",
                        ConsumerName(consumer));
  s.about = situation.about;
  s.start = midnight - absl::ToInt64Seconds(half);
  s.duration = 2 * half;
  if (situation.leap) s.leap = TrueLeap{what, midnight};
  s.leap_list = situation.list;
  s.kernel = {.synchronized = true, .max_error = TimeDelta::FromMillis(1)};
  s.kernel.may_be_ours = true;  // The consumer follows nobody but us.

  const Truth truth(kTaiMinusUtc, TrueLeap{what, midnight});
  GrandmasterSettings& master = s.grandmasters[0];
  master.sync_interval = 0;
  master.announce_interval = situation.announce_interval;
  s.config.ptp.announce_interval = situation.announce_interval;
  master.leap_plan =
      LeapPlan{.manners = situation.manners,
               .what = what,
               .new_month = *truth.new_month(),
               .delay = TimeDelta::FromNanosDouble(situation.master_delay * 1e9)};
  GrandmasterSettings backup = master;
  backup.identity = {{0x0011'22ff'fe99'9999}, 1};
  backup.announce.grandmaster = backup.identity.clock;
  backup.announce.grandmaster_quality.clock_class = 7;  // Worse than the first.
  s.grandmasters.push_back(backup);

  s.leap_rule = consumer == LeapConsumer::kStep   ? LeapRule::kKernelStep
                : consumer == LeapConsumer::kSlew ? LeapRule::kSlew
                                                  : LeapRule::kSmear;
  s.steering = consumer == LeapConsumer::kStep   ? Steering::kStepThenSlew
               : consumer == LeapConsumer::kSlew ? Steering::kSlew1000
                                                 : Steering::kSlew500;
  s.script = [script = situation.script, midnight](World& world) {
    if (script != nullptr) script(world, midnight);
  };
  return s;
}

std::optional<Scenario> FindLeapScenario(absl::string_view name) {
  for (const LeapSituation& situation : LeapSituations()) {
    for (const LeapIndicator what : kKinds) {
      for (const LeapConsumer consumer : kConsumers) {
        Scenario scenario = LeapScenario(situation, what, consumer);
        if (scenario.name == name) return scenario;
      }
    }
  }
  return std::nullopt;
}

}  // namespace bridge::sim
