// refclockctl simulate --days: many random days, on several processes, and a line
// for each that went wrong.
#include "bridge/cli/ctl_simulate_days.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/sim/random_day.h"

namespace bridge::ctl {
namespace {

struct Totals {
  uint64_t days = 0;
  uint64_t bad = 0;
  uint64_t events = 0;
  uint64_t violations = 0;
  sim::Tally tally;

  void Add(const sim::DayOutcome& day) {
    ++days;
    bad += !day.good();
    events += day.events;
    violations += day.violations;
    tally.Add(day.tally);
  }
};

void ReportBad(const sim::DayOutcome& day) {
  absl::PrintF(
      "seed %d: %d samples beyond their bound (worst excess %s), %d wrong by a second, "
      "%d false leap bits, %d wrong seconds taken, %d broken invariants\n"
      "    refclockctl simulate --days=1 --first-seed=%d\n",
      day.seed, day.tally.beyond_bound, Nanoseconds(day.tally.worst_excess_ns),
      day.tally.whole_seconds, day.tally.false_leap, day.wrong_seconds, day.violations,
      day.seed);
  std::fflush(stdout);
}

void ReportTotals(const Totals& totals, double seconds) {
  const sim::Tally& tally = totals.tally;
  const double simulated = static_cast<double>(totals.days) * 86'400;
  absl::PrintF(
      "%d days, %d bad; %d samples published in %.1f %% of the time, %d with a leap "
      "bit, %d taken back\n",
      totals.days, totals.bad, tally.published,
      100 * static_cast<double>(tally.seconds_publishing) /
          static_cast<double>(std::max<uint64_t>(tally.seconds, 1)),
      tally.with_leap, tally.retracted);
  absl::PrintF(
      "worst error %s; worst excess over the claimed bound %s; %d beyond it by more "
      "than 1 us, %d wrong by half a second or more, %d broken invariants\n",
      Nanoseconds(tally.worst_error_ns), Nanoseconds(tally.worst_excess_ns),
      tally.beyond_bound, tally.whole_seconds, totals.violations);
  absl::PrintF("took %.1f s: %.0f times as fast as time; %d events\n", seconds,
               simulated / std::max(seconds, 1e-3), totals.events);
}

// Every `jobs`-th seed, to the pipe, from a process of its own; then it exits.
[[noreturn]] void Worker(const Days& days, int job, int pipe) {
  for (uint64_t i = static_cast<uint64_t>(job); i < days.count;
       i += static_cast<uint64_t>(days.jobs)) {
    const sim::DayOutcome outcome = sim::PlayDay(days.first_seed + i);
    static_assert(sizeof(outcome) <= 512, "written in one piece: POSIX PIPE_BUF");
    if (write(pipe, &outcome, sizeof(outcome)) != sizeof(outcome)) _exit(1);
  }
  _exit(0);
}

int PlayMany(const Days& days) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return Complain(kBad, "no pipe to be had");
  const auto begin = std::chrono::steady_clock::now();
  for (int job = 0; job < days.jobs; ++job) {
    const pid_t child = fork();
    if (child < 0) return Complain(kBad, "no process to be had");
    if (child == 0) {
      close(pipe_ends[0]);
      Worker(days, job, pipe_ends[1]);
    }
  }
  close(pipe_ends[1]);
  Totals totals;
  sim::DayOutcome outcome;
  while (read(pipe_ends[0], &outcome, sizeof(outcome)) == sizeof(outcome)) {
    totals.Add(outcome);
    if (!outcome.good()) ReportBad(outcome);
  }
  close(pipe_ends[0]);
  bool complete = totals.days == days.count;
  for (int status; wait(&status) > 0;) complete &= status == 0;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  ReportTotals(totals, took.count());
  if (!complete) return Complain(kBad, "a process has died: some days are missing");
  return totals.bad == 0 ? kGood : kBad;
}

int PlayOne(uint64_t seed) {
  const sim::RandomDay day = sim::DrawDay(seed);
  absl::PrintF("%s\n", sim::Describe(day));
  const auto begin = std::chrono::steady_clock::now();
  sim::World world(day.scenario);
  world.RunFor(day.scenario.duration);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  for (const std::string& line : world.log()) absl::PrintF("%s\n", line);
  for (const std::string& violation : world.violations()) {
    absl::PrintF("broken invariant at %s\n", violation);
  }
  absl::PrintF("\n");
  const sim::DayOutcome outcome = sim::Outcome(day, world);
  if (!outcome.good()) ReportBad(outcome);
  Totals totals;
  totals.Add(outcome);
  ReportTotals(totals, took.count());
  return outcome.good() ? kGood : kBad;
}

}  // namespace

int PlayDays(const Days& days) {
  return days.count == 1 ? PlayOne(days.first_seed) : PlayMany(days);
}

}  // namespace bridge::ctl
